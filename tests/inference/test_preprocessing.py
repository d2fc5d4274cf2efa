"""The specification says all: from its JSON alone, without signfold, the same tensor is made."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import plain_preprocessing
import pytest
from saved_models import save_folds
from tensor_clips import forget, signer

from signfold.config.load import HOME, read_config
from signfold.core.clip import PARTS, Keypoints
from signfold.core.settings import TensorSettings
from signfold.inference.from_results import load_results
from signfold.inference.model import Model
from signfold.inference.preprocessing import clips, specification
from signfold.tensors.build import clip_tensor


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return replace(load_results(save_folds(tmp_path_factory.mktemp("results") / "mine")), threshold=0.4)


def spec_of(settings: TensorSettings, model: Model) -> dict[str, Any]:
    """Return the specification of a model with other tensors, as another program would read it; no probabilities."""

    class Other(Model):
        tensors = settings  # type: ignore[assignment]

        def probabilities(self, tensor: Any) -> Any:
            return np.ones(1)

    return json.loads(json.dumps(specification(Other(**vars(model))), allow_nan=False))


def as_json(clip: Keypoints) -> dict[str, Any]:
    parts = {
        part: [None if np.isnan(frame).any() else frame.tolist() for frame in getattr(clip, part)] for part in PARTS
    }
    return {"timestamps_ms": clip.timestamps_ms.tolist(), "aspect": clip.aspect, **parts}


RECIPES = {
    "default": TensorSettings(),
    "fingerspelling": TensorSettings(**read_config(HOME / "recipes" / "fingerspelling.yaml")["tensors"]),
    "seed": TensorSettings(**read_config(HOME / "recipes" / "seed.yaml")["tensors"]),
    "others": TensorSettings(
        layout="hands_arms_46",
        channels=("z", "x_wrist", "y_wrist", "to_ring"),
        imputation="hold",
        idle_hand="mask_other",
        trim="sign",
        frames=9,
    ),
    "nothing filled": TensorSettings(imputation="none", frames=20),
}
FRAMES = {"default": 64, "fingerspelling": 32, "seed": 80, "others": 9, "nothing filled": 20}


@pytest.mark.parametrize("name", RECIPES)
def test_numpy_and_the_json_give_the_examples_tensors(name: str, model: Model) -> None:
    spec = spec_of(RECIPES[name], model)
    assert [example["name"] for example in spec["examples"]] == ["right-handed", "left-handed"]
    for example in spec["examples"]:
        found = plain_preprocessing.tensor(spec, example["keypoints"])
        expected = np.array(example["tensor"], float)
        assert found.shape == (len(RECIPES[name].channels), FRAMES[name], len(spec["tensor"]["joints"]))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        assert np.isfinite(expected).any()
        assert np.isnan(expected).any() or name == "fingerspelling"


ODD = {
    "one frame": signer(1),
    "hands hang": signer(signing="none"),
    "both hands": signer(other="signs"),
    "a hand that rests for more than half": forget(signer(other="signs"), left_hand=slice(0, 12)),
    "no pose": forget(signer(), pose=slice(None)),
    "one hand, no pose": forget(signer(), pose=slice(None), left_hand=slice(None)),
    "one detection": forget(signer(), right_hand=slice(1, None)),
    "two detections": forget(signer(signing="left"), left_hand=[0, 1, 2, *range(4, 12), *range(13, 20)]),
    "gaps": forget(signer(40, signing="left"), left_hand=[0, 3, 4, 5, 20, 38, 39], pose=[0, 1, 7]),
    "times that stand still": replace(signer(), timestamps_ms=np.zeros(20)),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("recipe", RECIPES)
def test_odd_clips_are_the_same_too(name: str, recipe: str, model: Model) -> None:
    expected, _ = clip_tensor(ODD[name], RECIPES[recipe])
    found = plain_preprocessing.tensor(spec_of(RECIPES[recipe], model), as_json(ODD[name]))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_the_examples_have_gaps_and_both_kinds_of_people() -> None:
    facts = [clip_tensor(clip, TensorSettings())[1] for clip in clips().values()]
    assert [each["mirrored"] for each in facts] == [False, True]
    assert [(each["resting_left"], each["resting_right"]) for each in facts] == [(True, False), (False, True)]
    assert all(each["longest_gap"] > 0 for each in facts)


def test_labels_threshold_and_probabilities_are_the_models(model: Model) -> None:
    spec = json.loads(json.dumps(specification(model), allow_nan=False))
    assert (spec["labels"], spec["glosses"], spec["threshold"]) == (["1", "2", "3"], ["1", "2", "3"], 0.4)
    for example, clip in zip(spec["examples"], clips().values(), strict=True):
        np.testing.assert_allclose(example["probabilities"], model.probabilities(model.tensor(clip)), atol=1e-6)


def test_the_other_program_imports_nothing_of_signfold() -> None:
    tree = ast.parse(Path(plain_preprocessing.__file__).read_text(encoding="utf-8"))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert names == {"__future__", "typing", "numpy"}
