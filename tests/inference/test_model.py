"""A model: what it answers for a clip, and when it does not."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from keypoint_files import VALUES_1662, flat, invented
from saved_models import LABELS, save, save_folds
from tensor_clips import forget, signer
from training_data import SHORT, example, run

import signfold
from signfold.core.clip import Extraction, empty_keypoints
from signfold.core.errors import SignfoldError
from signfold.core.files import read_parquet
from signfold.dataset.keypoint_files import ImportSettings
from signfold.folds.roles import read_fold
from signfold.inference.from_results import load_results
from signfold.inference.model import Member, Model, Network, Prediction, Sign
from signfold.keypoints.holistic import Holistic
from signfold.models.io import load_model
from signfold.tensors.build import clip_tensor
from signfold.tensors.shards import Shards


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_results(save_folds(tmp_path_factory.mktemp("results"), streams=("joint", "bone")))


def of(folder: Path) -> Model:
    """A model of one network."""
    network = Network(*load_model(folder))
    return Model("mine", {"fold-1/seed-1": Member({"joint": network}, {"joint": 1.0}, None)}, LABELS, LABELS)


def test_the_answer_is_the_likeliest_signs_best_first(model: Model) -> None:
    found = model.predict(signer(), top=2)
    probabilities = model.probabilities(clip_tensor(signer(), model.tensors)[0])
    order = np.argsort(-probabilities)[:2]
    assert found == Prediction(
        "ok", None, tuple(Sign(LABELS[k], LABELS[k], probabilities[k]) for k in order), known=True
    )
    assert found.answer == found.signs[0].gloss
    assert [len(model.predict(signer(), top).signs) for top in (1, 3, 9)] == [1, 3, 3]


def test_below_the_threshold_a_sign_is_unknown(model: Model) -> None:
    best = model.predict(signer()).signs[0].probability
    at, above = (replace(model, threshold=value).predict(signer()) for value in (best, np.nextafter(best, 2)))
    assert (at.known, above.known, above.answer) == (True, False, "unknown")
    assert above.signs == at.signs


def test_a_clip_without_hands_or_person_has_a_status_and_no_answer(model: Model) -> None:
    everywhere = slice(None)
    hands = {"left_hand": everywhere, "right_hand": everywhere}
    clips = {
        "no_hands": forget(signer(), **hands),
        "no_person": forget(signer(), pose=everywhere, **hands),
        "no_frames": empty_keypoints(),
        "ok": forget(signer(), left_hand=everywhere),
    }
    for status, clip in clips.items():
        found = model.predict(clip)
        assert (found.status, found.signs == (), found.answer == "") == (status, status != "ok", status != "ok")
        assert status == "ok" or found.reason


def test_what_the_extraction_says_is_passed_on(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def extract(extractor: Holistic, path: Path) -> Extraction:
        asked.append((extractor, path))
        return Extraction(empty_keypoints(), "unreadable", "no video")

    monkeypatch.setattr(Holistic, "extract", extract)
    monkeypatch.setattr(Holistic, "description", lambda self: {"version": 1, "extractor": "x", "models": {}})
    assert model.predict("a.mp4") == Prediction("unreadable", "no video")
    assert asked == [(Holistic(0.5, 0.5, 60.0), Path("a.mp4"))]


def test_keypoints_of_another_extractor_than_the_trainings_are_refused(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = {"extractor": "x", "version": 2, "models": {"pose": "ab"}, "decoder": "new"}
    monkeypatch.setattr(Holistic, "description", lambda self: here)
    replace(model, extractor=here | {"decoder": "old"}).holistic()
    for other in ({"version": 1}, {"extractor": "y"}, {"models": {"pose": "cd"}}):
        with pytest.raises(SignfoldError, match=f"were extracted by {next(iter(other))}"):
            replace(model, extractor=here | other).holistic()


def test_networks_of_imported_keypoints_take_no_videos_and_read_files_as_those(tmp_path: Path) -> None:
    reading = ImportSettings("npz", [640, 480], 25.0, "holistic")
    save(tmp_path / "fold-1/joint/seed-1", keypoints=dataclasses.asdict(reading))
    model = of(tmp_path / "fold-1/joint/seed-1")
    assert (model.keypoints, model.reading) == (None, reading)
    with pytest.raises(SignfoldError, match="mine: trained on imported keypoints; give keypoints, not videos"):
        model.predict("a.mp4")
    assert model.predict(signer()).status == "ok"


@pytest.mark.parametrize(
    "wrong",
    [
        replace(signer(), pose=signer().pose[:, :, :3]),
        replace(signer(), left_hand=signer().left_hand[:-1]),
        replace(signer(), right_hand=signer().right_hand[0]),
    ],
)
def test_arrays_of_other_shapes_are_refused(model: Model, wrong: object) -> None:
    with pytest.raises(SignfoldError, match="keypoints: found arrays of shape"):
        model.predict(wrong)  # type: ignore[arg-type]


def test_pixels_are_refused(model: Model) -> None:
    clip = signer()
    with pytest.raises(SignfoldError, match="expected shares of the picture"):
        model.predict(replace(clip, pose=clip.pose * 600))


def test_an_array_is_a_clip(model: Model) -> None:
    clip = invented()
    found = signfold.clip(flat(clip, VALUES_1662), size=(640, 480), fps=30)
    for part in ("pose", "left_hand", "right_hand", "timestamps_ms"):
        np.testing.assert_allclose(getattr(found, part), getattr(clip, part), equal_nan=True)
    assert (found.width, found.height, found.fps) == (640, 480, 30)
    assert model.predict(found).status == "ok"


@pytest.mark.parametrize(
    ("values", "options", "said"),
    [
        (np.zeros((5, 7)), {}, r"found an array of shape \(5, 7\)"),
        (np.zeros((2, 5, 1662)), {}, r"found an array of shape \(2, 5, 1662\); expected one clip"),
        (np.zeros(1662), {}, r"found an array of shape \(1662,\); expected one clip"),
        (np.zeros((5, 1662)), {"fps": 0}, "fps 0"),
        (np.zeros((5, 1662)), {"size": (0, 480)}, r"size \(0, 480\)"),
        (np.zeros((5, 1629)), {"order": "mine"}, "order 'mine'"),
        (flat(invented(), VALUES_1662) * 640, {}, "expected shares of the picture"),
        (flat(invented(), VALUES_1662)[:, ::-1], {}, "another order"),
    ],
)
def test_arrays_that_are_no_clip_are_refused(values: np.ndarray, options: dict, said: str) -> None:
    with pytest.raises(SignfoldError, match=said):
        signfold.clip(values, **options)


def test_logits_are_those_of_the_evaluation(tmp_path: Path) -> None:
    """The training wrote the logits of its test clips, which the evaluation pools: a model gives the same."""
    torch.set_num_threads(1)
    given = example(tmp_path)
    run(given, replace(SHORT, epochs=4, precision="fp32"))
    model = of(given.out)
    written = read_parquet(given.out / "predictions.parquet").to_pandas().set_index("sample_id")
    test, shards = read_fold(given.fold, given.audit).roles["test"], Shards(given.tensors)
    assert len(test) == 12
    tensors = shards.read(test.shard, test.row)
    for name, tensor in zip(test.sample_id, tensors, strict=True):
        found = model.logits(tensor)["fold-1/seed-1", "joint"]
        np.testing.assert_allclose(found, written.loc[name, "logits"], rtol=1e-4, atol=1e-5)
