"""From keypoints to tensors: what is missing stays missing, the facts of a clip, and the shard's files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensor_clips import forget, joints, signer, tensor_of

from signfold.core.clip import Extraction, Floats, Keypoints, ShardClip, empty_keypoints, write_shard
from signfold.core.errors import SignfoldError
from signfold.core.files import read_metadata, read_parquet
from signfold.core.settings import TensorSettings
from signfold.core.skeleton import layout
from signfold.tensors.build import TABLE_SCHEMA, build_tensors, clip_tensor
from signfold.tensors.channels import TIPS


def shard(
    folder: Path, clips: dict[str, Keypoints], status: dict[str, str] | None = None
) -> tuple[Floats, list[dict[str, Any]]]:
    """The tensors and the table of a shard of clips."""
    files = [folder / name for name in ("k.parquet", "k.videos.parquet", "t.npy", "t.parquet")]
    found = {name: Extraction(clip, (status or {}).get(name, "ok")) for name, clip in clips.items()}
    write_shard([ShardClip(name, f"digest of {name}", 1, clip) for name, clip in found.items()], *files[:2], {})
    build_tensors(*files, TensorSettings())
    return np.load(folder / "t.npy"), read_parquet(folder / "t.parquet").to_pylist()


def test_a_hand_never_seen_stays_missing_and_nothing_else_does() -> None:
    tensor = tensor_of(forget(signer(), left_hand=slice(None)), idle_hand="keep")
    missing = np.isnan(tensor)
    assert missing[..., joints("left")].all()
    assert not np.delete(missing, joints("left"), axis=2).any()


@pytest.mark.parametrize("options", [{}, {"imputation": "none"}, {"resample": "pad"}, {"normalise": "none"}])
def test_a_joint_is_missing_in_all_channels_or_in_none(options: dict[str, Any]) -> None:
    keypoints = forget(signer(), left_hand=[3, 4, 5], right_hand=[0, 1], pose=[9, 10])
    missing = np.isnan(
        tensor_of(keypoints, channels=["x", "y", "z", "x_wrist", "y_wrist"], idle_hand="keep", **options)
    )
    assert (missing.all(axis=0) == missing.any(axis=0)).all()


def test_hands_without_a_body_keep_their_hands() -> None:
    tensor = tensor_of(forget(signer(), pose=slice(None)))
    assert np.isfinite(tensor[..., joints("right")]).all()
    assert np.isnan(tensor[..., 0]).all()


def test_pad_keeps_frames_and_leaves_the_rest_missing() -> None:
    tensor = tensor_of(signer(frames=10), resample="pad", frames=16, idle_hand="keep")
    assert np.isfinite(tensor[:, :10]).all()
    assert np.isnan(tensor[:, 10:]).all()


def test_without_imputation_gaps_stay_about_as_long_as_they_were() -> None:
    tensor = tensor_of(forget(signer(frames=64), right_hand=range(20, 40)), imputation="none", idle_hand="keep")
    assert np.isnan(tensor[0, :, joints("right")[0]]).sum() == 20


@pytest.mark.parametrize("name", ["hands_body_27", "hands_arms_46"])
def test_every_joint_is_where_its_name_says(name: str) -> None:
    keypoints = signer()
    tensor = tensor_of(keypoints, layout=name, normalise="none", channels=["x", "y", "z"], frames=20, idle_hand="keep")
    fingers = layout(name).joints.index("right_hand_index_finger_tip"), 8
    elbow = layout(name).joints.index("left_elbow"), 13
    np.testing.assert_allclose(tensor[:, :, fingers[0]], keypoints.right_hand[:, fingers[1]].T, atol=1e-6)
    np.testing.assert_allclose(tensor[:, :, elbow[0]], keypoints.pose[:, elbow[1], :3].T, atol=1e-6)


def test_frames_that_were_filled_in_say_nothing_of_the_palm() -> None:
    keypoints = signer()
    hand = keypoints.left_hand.copy()
    hand[0] = hand[0, :1] + 3 * (hand[0] - hand[0, :1])
    hand[1:15] = np.nan  # filled in from the first frame
    options = {"channels": ["x_palm", "y_palm"], "frames": 20, "idle_hand": "keep", "trim": "none"}
    found = tensor_of(replace(keypoints, left_hand=hand), **options)
    expected = tensor_of(keypoints, **options)
    np.testing.assert_allclose(found[:, 15:], expected[:, 15:], atol=0.05)


def test_a_resting_hand_is_missing_when_masked_but_told_of_either_way() -> None:
    for rest in ("mask", "keep"):
        tensor, facts = clip_tensor(signer(), TensorSettings(idle_hand=rest))
        assert facts["resting_left"]
        assert facts["seen_left"] == 1
        assert np.isnan(tensor[..., joints("left")]).all() == (rest == "mask")


def test_facts_speak_of_the_signers_own_hands() -> None:
    keypoints = forget(signer(signing="left"), left_hand=[3, 4, 9], right_hand=slice(None))
    _, facts = clip_tensor(keypoints, TensorSettings())
    assert facts["mirrored"]
    assert facts["seen_left"] == pytest.approx(0.85)
    assert facts["imputed_left"] == pytest.approx(0.15)
    assert (facts["seen_right"], facts["imputed_right"], facts["longest_gap"]) == (0, 1, 2)
    assert facts["seen_any"] == pytest.approx(0.85)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_layout_of_one_hand_shows_the_one_that_signs(side: str) -> None:
    options = {"channels": ["x_palm", "y_palm"], "trim": "none"}
    one = tensor_of(signer(signing=side), layout="hand_21", **options)
    both = tensor_of(signer(signing=side), layout="hands_arms_46", **options)
    np.testing.assert_array_equal(one, both[..., joints("right", "hands_arms_46")])


def test_the_layout_of_one_hand_needs_clips_mirrored() -> None:
    with pytest.raises(ValueError, match=r"hand_21 is the right hand.*set mirror_left_handed: true"):
        TensorSettings(layout="hand_21", mirror_left_handed=False)


@pytest.mark.parametrize("side", ["left", "right"])
def test_always_shows_one_hand_whatever_the_other_does(side: str) -> None:
    keypoints = signer(signing=side, other="signs")
    tensor, facts = clip_tensor(keypoints, TensorSettings(idle_hand="mask_other"))
    assert not (facts["resting_left"] or facts["resting_right"])
    assert np.isnan(tensor[..., joints("left")]).all()
    assert not np.isnan(tensor[..., joints("right")]).any()


def test_keep_leaves_a_left_handed_signer_alone() -> None:
    keypoints = signer(signing="left")
    tensor, facts = clip_tensor(keypoints, TensorSettings(mirror_left_handed=False, idle_hand="keep"))
    assert not facts["mirrored"]
    np.testing.assert_allclose(np.ptp(tensor[0][:, joints("left")[0]]), 0.1 / 0.2, atol=1e-5)


def test_rows_of_table_and_array_agree_and_only_usable_clips_are_there(tmp_path: Path) -> None:
    clips = {"b": signer(9), "bad": empty_keypoints(), "empty": signer(5), "a": signer(30, 1)}
    tensors, rows = shard(tmp_path, clips, {"bad": "unreadable", "empty": "no_person"})
    assert [(row["sample_id"], row["frames"]) for row in rows] == [("b", 9), ("a", 30)]
    assert rows[1]["sha256"] == "digest of a"
    np.testing.assert_array_equal(tensors[1], tensor_of(clips["a"]))
    assert tensors.dtype == np.float32


def test_no_usable_clip_gives_valid_empty_files(tmp_path: Path) -> None:
    tensors, rows = shard(tmp_path, {"bad": empty_keypoints()}, {"bad": "no_frames"})
    assert tensors.shape == (0, 9, 64, 27)
    assert rows == []
    assert read_metadata(tmp_path / "t.parquet")["channels"] == ["x", "y", "x_palm", "y_palm", *TIPS]


def test_a_clip_does_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    alone, _ = shard(tmp_path, {"a": signer(30, 1)})
    among, _ = shard(tmp_path, {"x": signer(4, 2), "a": signer(30, 1), "y": signer(50, 3)})
    assert alone[0].tobytes() == among[1].tobytes()


def test_the_same_shard_gives_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for _ in range(2):
        shard(tmp_path, {"a": signer(30, 1)})
        files.append([(tmp_path / name).read_bytes() for name in ("t.npy", "t.parquet")])
    assert files[0] == files[1]


def test_an_ok_clip_without_frames_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match=r"k\.parquet.*'lost'"):
        shard(tmp_path, {"a": signer(3), "lost": empty_keypoints()})


def test_facts_count_frames_time_gaps_and_the_part_of_the_clip_used() -> None:
    keypoints = forget(signer(10), left_hand=[1, 2, 3, 9], right_hand=[3, 4, 9])
    _, facts = clip_tensor(keypoints, TensorSettings())
    assert set(facts) | {"sample_id", "sha256"} == set(TABLE_SCHEMA.names)
    assert (facts["frames"], facts["duration_ms"], facts["longest_gap"]) == (10, 360.0, 3)
    assert (facts["first_frame"], facts["last_frame"]) == (0, 9)
    assert (facts["seen_left"], facts["seen_right"], facts["seen_any"]) == pytest.approx((0.6, 0.7, 0.8))
    assert (facts["imputed_left"], facts["imputed_right"]) == pytest.approx((0.4, 0.3))


def test_without_imputation_nothing_counts_as_imputed_but_a_hand_never_seen() -> None:
    keypoints = forget(signer(10), left_hand=slice(None), right_hand=[3, 4])
    _, facts = clip_tensor(keypoints, TensorSettings(imputation="none"))
    assert (facts["imputed_left"], facts["imputed_right"]) == (1.0, 0.0)


def test_the_table_says_how_its_tensors_were_made(tmp_path: Path) -> None:
    shard(tmp_path, {"a": signer(5)})
    about, body = read_metadata(tmp_path / "t.parquet"), layout("hands_body_27")
    assert (about["layout"], about["joints"], about["frames"]) == (body.name, list(body.joints), 64)
    assert TensorSettings(**about["settings"]) == TensorSettings()


def test_unknown_channels_and_layouts_are_named() -> None:
    with pytest.raises(ValueError, match="channels"):
        TensorSettings(channels=["x", "w"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="layout: found 'hands_body_28'"):
        TensorSettings(layout="hands_body_28")


def written(folder: Path, clip: Keypoints, **metadata: Any) -> list[Path]:
    """A shard of one clip and the files that its tensors will have."""
    files = [folder / name for name in ("k.parquet", "k.videos.parquet", "t.npy", "t.parquet")]
    folder.mkdir(exist_ok=True)
    write_shard([ShardClip("a", "digest of a", 1, Extraction(clip))], *files[:2], metadata)
    return files


def test_keypoints_of_other_options_are_refused(tmp_path: Path) -> None:
    files = written(tmp_path, signer(), options={"min_detection_confidence": 0.5}, max_seconds=60.0)
    asked = {"min_detection_confidence": 0.5, "max_seconds": 60.0}
    build_tensors(*files, TensorSettings(), asked)
    assert read_metadata(files[3])["keypoints"] == asked
    files[2].unlink()
    for change in ({"min_detection_confidence": 0.9}, {"max_seconds": 9.0}):
        key, value = next(iter(change.items()))
        with pytest.raises(SignfoldError, match=rf"k\.videos\.parquet: made with keypoints\.{key} .* says {value}; "):
            build_tensors(*files, TensorSettings(), asked | change)
    assert not files[2].exists()


def test_keypoints_replaced_by_older_ones_are_noticed(tmp_path: Path) -> None:
    files, older = written(tmp_path / "new", signer(seed=1)), written(tmp_path / "old", signer(seed=2))
    files[0].write_bytes(older[0].read_bytes())
    with pytest.raises(
        SignfoldError, match=r"k\.parquet: not the file that was written with .*k\.videos\.parquet; dele"
    ):
        build_tensors(*files, TensorSettings())
