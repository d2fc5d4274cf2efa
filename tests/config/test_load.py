"""The configuration: what it does not know it refuses, by name."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from signfold.config.load import check_config, dataset_of, dataset_settings, merged, typed
from signfold.core.errors import SignfoldError
from signfold.core.settings import (
    EvaluationSettings,
    FoldSettings,
    KeypointSettings,
    ManifestSettings,
    ModelSettings,
    TensorSettings,
    TrainingSettings,
)

CONFIG = Path(__file__).parents[2] / "config"
SECTIONS = {
    "keypoints": KeypointSettings,
    "tensors": TensorSettings,
    "manifest": ManifestSettings,
    "folds": FoldSettings,
    "model": ModelSettings,
    "training": TrainingSettings,
    "evaluation": EvaluationSettings,
}


def default() -> dict[str, Any]:
    return yaml.safe_load((CONFIG / "config.yaml").read_text())


def check(**changes: Any) -> None:
    check_config(merged(default(), changes))


def test_the_default_is_valid() -> None:
    check()


@pytest.mark.parametrize("preset", sorted(path.stem for path in (CONFIG / "datasets").glob("*.yaml")))
def test_every_preset_is_valid(preset: str) -> None:
    keys = yaml.safe_load((CONFIG / "datasets" / f"{preset}.yaml").read_text())
    check(datasets={"mine": {"root": "videos", **keys}})


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_a_section_has_the_keys_of_its_settings_and_every_key_is_in_the_schema(section: str) -> None:
    keys = default()[section]
    schema = yaml.safe_load((CONFIG / "schema.yaml").read_text())["$defs"][section]["properties"]
    assert set(asdict(SECTIONS[section](**keys))) == set(keys) == set(schema)


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_the_library_and_the_configuration_have_the_same_defaults(section: str) -> None:
    listed = {
        key: list(value) if isinstance(value, tuple) else value for key, value in asdict(SECTIONS[section]()).items()
    }
    assert listed == default()[section]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"epoch": 3}}, r"training\.epoch: unknown key; did you mean `epochs`"),
        ({"shard": 3}, r"shard: unknown key; did you mean `shards`"),
        ({"training": {"epochs": "many"}}, r"training\.epochs: 'many' is not of type 'integer'"),
        ({"streams": ["joints"]}, r"streams\.0: 'joints' is not one of"),
        ({"datasets": {"mine": {"rot": "x"}}}, r"datasets\.mine\.rot: unknown key; did you mean `root`"),
        (
            {"datasets": {"mine": {"settings": {"folds": {"n": 3}}}}},
            r"settings\.folds\.n: unknown key; known keys: method",
        ),
        ({"dataset": "dmo"}, r"datasets\.dmo: unknown key; did you mean `demo`"),
        ({"datasets": {26: {"root": "x"}}}, "a name is not text"),
        ({"datasets": {"a/b": {"root": "x"}}}, "a/b"),
        ({"manifest": {"per_class": "min"}}, r"manifest\.per_class"),
    ],
)
def test_a_mistake_is_named_with_its_mend(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SignfoldError, match=message):
        check(**changes)


def test_what_is_said_nearest_counts() -> None:
    base = merged(default(), {"datasets": {"mine": {"root": "x", "settings": {"training": {"epochs": 7}}}}})
    assert dataset_settings(base, "mine", {})["training"]["epochs"] == 7
    assert dataset_settings(base, "mine", {})["training"]["batch_size"] == base["training"]["batch_size"]
    assert dataset_settings(base, "mine", {"training": {"epochs": 2}})["training"]["epochs"] == 2


def test_a_dataset_is_its_preset_with_its_own_keys_over_it() -> None:
    base = merged(default(), {"datasets": {"mine": {"preset": "lsa64", "root": "x", "match": "y"}}})
    assert dataset_of(base, "mine") == {"root": "x", "match": "y"}
    with pytest.raises(SignfoldError, match="did you mean `mine`"):
        dataset_of(base, "min")
    base["datasets"]["mine"]["preset"] = "lsa"
    with pytest.raises(SignfoldError, match="known presets: asl-signs, autsl"):
        dataset_of(base, "mine")
    base["datasets"]["mine"] = {"preset": "lsa64"}
    with pytest.raises(SignfoldError, match="no `root`"):
        dataset_of(base, "mine")


def test_numbers_on_the_command_line_are_numbers() -> None:
    given = {"training": {"epochs": "2", "mirror": "true"}, "streams": ["joint"], "seed": 3}
    assert typed(given) == {"training": {"epochs": 2, "mirror": True}, "streams": ["joint"], "seed": 3}


@pytest.mark.parametrize("recipe", sorted((CONFIG / "recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_recipe_is_a_configuration_to_lay_over_the_defaults(recipe: Path) -> None:
    over = yaml.safe_load(recipe.read_text())
    check(**over)
    for section in over.keys() & SECTIONS.keys():
        keys = over[section]
        SECTIONS[section](**{**default()[section], **keys})
