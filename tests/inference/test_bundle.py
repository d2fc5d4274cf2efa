"""Bundles: a model that travels as one file, and predicts the same wherever it is."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from saved_models import LABELS, clip, save_folds

from signfold.core.settings import KeypointSettings, TensorSettings
from signfold.inference.bundle import read_bundle, write_bundle
from signfold.inference.from_results import load_results
from signfold.inference.model import Model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    root = save_folds(tmp_path_factory.mktemp("results") / "mine", streams=("joint", "bone"))
    found = load_results(root)
    shutil.rmtree(root)
    return dataclasses.replace(found, threshold=0.25, glosses=("house", "tree", "ö"), extractor={"version": 3})


def test_a_bundle_is_the_model(tmp_path: Path, model: Model) -> None:
    write_bundle(tmp_path / "mine.signfold", model, "# card")
    found = read_bundle(tmp_path / "mine.signfold")
    for name in ("name", "labels", "glosses", "threshold", "extractor", "final", "tensors", "keypoints"):
        assert getattr(found, name) == getattr(model, name)
    assert (found.labels, found.tensors, found.keypoints) == (LABELS, TensorSettings(frames=8), KeypointSettings())
    assert [(each.fusion, each.temperature) for each in found.members.values()] == [
        ({"joint": 0.5, "bone": 0.5}, 1.5)
    ] * 2
    assert list(found.networks) == list(model.networks)
    for key, logits in model.logits(clip()).items():
        np.testing.assert_array_equal(found.logits(clip())[key], logits)
    np.testing.assert_array_equal(found.probabilities(clip()), model.probabilities(clip()))


def test_equal_models_are_equal_bundles_whichever_way_they_came(tmp_path: Path, model: Model) -> None:
    write_bundle(tmp_path / "a.signfold", model, "# card")
    write_bundle(tmp_path / "b.signfold", read_bundle(tmp_path / "a.signfold"), "# card")
    assert (tmp_path / "a.signfold").read_bytes() == (tmp_path / "b.signfold").read_bytes()
