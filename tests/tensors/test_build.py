"""From keypoints to tensors: place, time, hands, and the shard's files."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from signfold.core.clip import Extraction, Keypoints, ShardClip, empty_keypoints, write_shard
from signfold.core.errors import SignfoldError
from signfold.core.files import read_metadata, read_parquet
from signfold.core.settings import TensorSettings
from signfold.core.skeleton import JOINTS, POSE, layout
from signfold.tensors.build import build_tensors, clip_tensor
from signfold.tensors.channels import CHANNELS, TIPS
from signfold.tensors.hands import mirror, signing, use_of_hands
from signfold.tensors.normalise import palm_length, reference
from signfold.tensors.resample import pad, uniform

quick = settings(max_examples=40, deadline=None)
WIDTH, HEIGHT = 640, 480


def signer(frames=20, seed=0, signing="right", other="hangs"):
    """A standing signer, in image coordinates of a 640×480 picture: one hand goes up and moves, the other hangs."""
    rng = np.random.default_rng(seed)
    pose = np.tile(rng.uniform(0.4, 0.6, (1, 33, 4)), (frames, 1, 1)).astype(np.float32)
    hands = {}
    for side, x in (("left", 0.6), ("right", 0.4)):
        up = side == signing or other == "signs"
        wrist = np.stack([np.full(frames, x), np.full(frames, 0.45 if up else 0.9), np.zeros(frames)], axis=1)
        wrist[:, 0] += np.linspace(0, 0.1, frames) if up else 0
        pose[:, POSE.index(f"{side}_shoulder"), :2] = x, 0.4
        pose[:, POSE.index(f"{side}_elbow"), :2] = x, 0.65
        pose[:, POSE.index(f"{side}_wrist"), :2] = wrist[:, :2]
        fingers = rng.uniform(-0.05, 0.05, (21, 3))
        fingers[0] = 0
        hands[f"{side}_hand"] = (wrist[:, None] + fingers).astype(np.float32)
    return Keypoints(np.arange(frames) * 40.0, pose, **hands, width=WIDTH, height=HEIGHT)


def tensor_of(keypoints, **options):
    return clip_tensor(keypoints, TensorSettings(**options))[0]


def forget(keypoints, **frames):
    """The clip with parts missing in the given frames."""
    parts = {part: getattr(keypoints, part).copy() for part in frames}
    for part, missing in frames.items():
        parts[part][missing] = np.nan
    return replace(keypoints, **parts)


def joints(side, name="hands_body_27"):
    return list(layout(name).hand(side))


class TestMissing:
    def test_a_hand_never_seen_stays_missing_and_nothing_else_does(self):
        tensor = tensor_of(forget(signer(), left_hand=slice(None)), idle_hand="keep")
        missing = np.isnan(tensor)
        assert missing[..., joints("left")].all()
        assert not np.delete(missing, joints("left"), axis=2).any()

    @pytest.mark.parametrize("options", [{}, {"imputation": "none"}, {"resample": "pad"}, {"normalise": "none"}])
    def test_a_joint_is_missing_in_all_channels_or_in_none(self, options):
        keypoints = forget(signer(), left_hand=[3, 4, 5], right_hand=[0, 1], pose=[9, 10])
        missing = np.isnan(
            tensor_of(keypoints, channels=["x", "y", "z", "x_wrist", "y_wrist"], idle_hand="keep", **options)
        )
        assert (missing.all(axis=0) == missing.any(axis=0)).all()

    def test_hands_without_a_body_keep_their_hands(self):
        tensor = tensor_of(forget(signer(), pose=slice(None)))
        assert np.isfinite(tensor[..., joints("right")]).all()
        assert np.isnan(tensor[..., 0]).all()

    def test_pad_keeps_frames_and_leaves_the_rest_missing(self):
        tensor = tensor_of(signer(frames=10), resample="pad", frames=16, idle_hand="keep")
        assert np.isfinite(tensor[:, :10]).all()
        assert np.isnan(tensor[:, 10:]).all()

    def test_without_repair_gaps_stay_about_as_long_as_they_were(self):
        tensor = tensor_of(forget(signer(frames=64), right_hand=range(20, 40)), imputation="none", idle_hand="keep")
        assert np.isnan(tensor[0, :, joints("right")[0]]).sum() == 20


class TestResampling:
    @quick
    @given(st.integers(1, 30), st.integers(1, 70), st.floats(-3, 3), st.integers(0, 5))
    def test_what_does_not_move_keeps_still(self, frames, wanted, value, seed):
        times = np.cumsum(np.random.default_rng(seed).uniform(0.1, 50, frames))
        assert (uniform(np.full((2, frames, 3), value), times, wanted) == value).all()

    @quick
    @given(st.integers(2, 30), st.integers(2, 70), st.integers(0, 5))
    def test_even_motion_is_even_motion_over_the_whole_clip(self, frames, wanted, seed):
        times = np.cumsum(np.random.default_rng(seed).uniform(0.1, 50, frames))
        found = uniform(times.reshape(1, -1, 1), times, wanted)
        np.testing.assert_allclose(found.ravel(), np.linspace(times[0], times[-1], wanted))

    @quick
    @given(hnp.arrays(float, (1, 7, 2), elements=st.floats(-3, 3)))
    def test_as_many_frames_as_there_are_changes_nothing(self, values):
        np.testing.assert_allclose(uniform(values, np.arange(7.0), 7), values, atol=1e-12)

    @quick
    @given(hnp.arrays(bool, 9), st.integers(2, 40))
    def test_missing_does_not_spread_beyond_half_a_frame(self, known, wanted):
        found = uniform(np.where(known, 1.0, np.nan).reshape(1, -1, 1), np.arange(9.0), wanted).ravel()
        moments = np.linspace(0, 8, wanted)
        surely = np.array([known[int(np.floor(t))] and known[int(np.ceil(t))] for t in moments])
        nearest = np.array([known[int(np.floor(t + 0.5))] or known[int(np.ceil(t - 0.5))] for t in moments])
        assert np.isfinite(found[surely]).all()
        assert np.isnan(found[~nearest]).all()

    def test_a_clip_of_one_frame_is_that_frame_throughout(self):
        tensor = tensor_of(signer(frames=1), idle_hand="keep")
        assert tensor.shape == (9, 64, 27)
        assert (tensor == tensor[:, :1]).all()

    def test_pad_cuts_long_clips(self):
        values = np.arange(30.0).reshape(1, 30, 1)
        assert pad(values, 4).ravel().tolist() == [0, 1, 2, 3]

    def test_the_pace_of_the_frames_does_not_matter_only_the_time(self):
        keypoints = signer(frames=41)
        kept = np.sort(np.random.default_rng(0).choice(np.arange(1, 40), 15, replace=False))
        kept = np.r_[0, kept, 40]
        parts = {part: getattr(keypoints, part)[kept] for part in ("timestamps_ms", "pose", "left_hand", "right_hand")}
        np.testing.assert_allclose(tensor_of(replace(keypoints, **parts)), tensor_of(keypoints), atol=1e-4)

    def test_timestamps_that_stand_still_give_way_to_frame_numbers(self):
        keypoints = signer()
        broken = replace(keypoints, timestamps_ms=np.zeros(20))
        np.testing.assert_allclose(tensor_of(broken), tensor_of(keypoints), atol=1e-6)


class TestPlace:
    @quick
    @given(st.floats(0.3, 2), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))
    def test_size_and_place_in_the_picture_do_not_matter(self, scale, right, down):
        keypoints = forget(signer(), left_hand=[2, 3])
        moved = {}
        for part in ("pose", "left_hand", "right_hand"):
            moved[part] = getattr(keypoints, part) * np.float32(scale)
            moved[part][..., :2] += np.array([right, down], dtype=np.float32)
        moved["pose"][..., 3] = keypoints.pose[..., 3]
        channels = list(CHANNELS)
        found = tensor_of(replace(keypoints, **moved), channels=channels)
        np.testing.assert_allclose(found, tensor_of(keypoints, channels=channels), atol=1e-4)

    def test_the_shape_of_the_picture_does_not_matter(self):
        keypoints = signer()
        stretch = {}
        for part in ("pose", "left_hand", "right_hand"):  # the same scene with bars above and below: twice as high
            stretch[part] = getattr(keypoints, part).copy()
            stretch[part][..., 1] = (stretch[part][..., 1] + 0.5) / 2
        taller = tensor_of(replace(keypoints, **stretch, height=2 * HEIGHT))
        np.testing.assert_allclose(taller, tensor_of(keypoints), atol=1e-5)

    def test_shoulders_are_one_apart_about_the_origin(self):
        tensor = tensor_of(signer(), channels=["x", "y"])
        places = tensor[:, 0, [layout("hands_body_27").joints.index(f"{side}_shoulder") for side in ("left", "right")]]
        np.testing.assert_allclose(places, [[0.5, -0.5], [0, 0]], atol=1e-5)

    def test_one_wild_pose_does_not_move_the_clip(self):
        keypoints = signer()
        wild = keypoints.pose.copy()
        wild[7, :, :2] *= 3
        found, expected = reference(replace(keypoints, pose=wild)), reference(keypoints)
        np.testing.assert_allclose(found.origin, expected.origin)
        assert found.unit == expected.unit

    def test_none_is_image_coordinates(self):
        keypoints = signer()
        tensor = tensor_of(keypoints, normalise="none", channels=["x", "y"], frames=20)
        np.testing.assert_allclose(tensor[:, :, 0], keypoints.pose[:, 0, :2].T, atol=1e-6)

    def test_hands_are_measured_from_their_own_wrist_and_other_joints_are_nothing(self):
        tensor = tensor_of(signer(), channels=["x", "y", "x_wrist", "y_wrist"], idle_hand="keep")
        for side in ("left", "right"):
            hand = tensor[:, :, joints(side)]
            wrist = hand[:2, :, :1]  # a hand's first joint in a layout is its wrist
            np.testing.assert_allclose(hand[2:], hand[:2] - wrist, atol=1e-5)
        assert (np.delete(tensor[2:], joints("left") + joints("right"), axis=2) == 0).all()

    @pytest.mark.parametrize("name", ["hands_body_27", "hands_arms_46"])
    def test_the_size_of_a_hand_does_not_matter_in_lengths_of_its_palm(self, name):
        keypoints = signer()
        hand = keypoints.left_hand
        grown = replace(keypoints, left_hand=hand[:, :1] + 1.5 * (hand - hand[:, :1]))
        options = {"layout": name, "channels": ["x_palm", "y_palm", "x_wrist", "y_wrist"], "idle_hand": "keep"}
        before, after = tensor_of(keypoints, **options), tensor_of(grown, **options)
        left = joints("left", name)
        np.testing.assert_allclose(after[:2], before[:2], atol=1e-4)
        np.testing.assert_allclose(after[2:, :, left], 1.5 * before[2:, :, left], atol=1e-4)
        body = np.delete(before[:2], joints("left", name) + joints("right", name), axis=2)
        assert (body == 0).all()

    def test_fingers_that_touch_are_at_no_distance_however_the_hand_is_turned(self):
        keypoints = signer()
        hand = keypoints.right_hand.copy()
        hand[:, 8] = hand[:, 4]  # the tip of the index finger on that of the thumb
        keypoints = replace(keypoints, width=100, height=100)
        options = {"channels": list(TIPS), "layout": "hand_21", "trim": "none"}
        distances = tensor_of(replace(keypoints, right_hand=hand), **options)
        tips = dict(zip(TIPS, (4, 8, 12, 16, 20), strict=True))
        for channel, (name, tip) in enumerate(tips.items()):
            joint = layout("hand_21").joints.index(JOINTS[len(POSE) + 21 + tip])
            assert (distances[channel, :, joint] == 0).all(), name
        np.testing.assert_allclose(distances[0], distances[1], atol=1e-6)
        assert (distances[2, :, 1] > 0.1).all()
        turned = hand.copy()
        turned[..., 0], turned[..., 1] = -hand[..., 1], hand[..., 0]
        again = tensor_of(replace(keypoints, right_hand=turned), **options)
        np.testing.assert_allclose(again, distances, atol=1e-5)

    def test_distances_from_fingertips_are_in_palms_and_of_the_own_hand(self):
        options = {"channels": ["x_palm", "y_palm", "to_pinky"], "idle_hand": "keep"}
        tensor = tensor_of(signer(other="signs"), **options)
        for side in ("left", "right"):
            tip = layout("hands_body_27").joints.index(f"{side}_hand_pinky_tip")
            apart = tensor[:2, :, joints(side)] - tensor[:2, :, [tip]]
            np.testing.assert_allclose(tensor[2][:, joints(side)], np.linalg.norm(apart, axis=0), atol=1e-5)
        assert (np.delete(tensor[2], joints("left") + joints("right"), axis=1) == 0).all()

    def test_a_palm_is_as_long_from_the_front_as_from_above(self):
        shown, pointing = np.zeros((2, 3, 21, 3))
        shown[:, 1:, 1], pointing[:, 1:, 2] = 0.2, -0.1
        clip = replace(signer(3), left_hand=shown, right_hand=pointing, width=200, height=100)
        assert palm_length(clip, "left") == palm_length(clip, "right") == 0.1
        shown[1], shown[2, 5] = np.nan, np.nan
        assert palm_length(clip, "left") == 0.1
        assert palm_length(forget(clip, left_hand=slice(None)), "left") == 1.0

    def test_frames_that_were_filled_in_say_nothing_of_the_palm(self):
        keypoints = signer()
        hand = keypoints.left_hand.copy()
        hand[0] = hand[0, :1] + 3 * (hand[0] - hand[0, :1])
        hand[1:15] = np.nan  # filled in from the first frame
        options = {"channels": ["x_palm", "y_palm"], "frames": 20, "idle_hand": "keep", "trim": "none"}
        found = tensor_of(replace(keypoints, left_hand=hand), **options)
        expected = tensor_of(keypoints, **options)
        np.testing.assert_allclose(found[:, 15:], expected[:, 15:], atol=0.05)

    @pytest.mark.parametrize("name", ["hands_body_27", "hands_arms_46"])
    def test_every_joint_is_where_its_name_says(self, name):
        keypoints = signer()
        tensor = tensor_of(
            keypoints, layout=name, normalise="none", channels=["x", "y", "z"], frames=20, idle_hand="keep"
        )
        fingers = layout(name).joints.index("right_hand_index_finger_tip"), 8
        elbow = layout(name).joints.index("left_elbow"), 13
        np.testing.assert_allclose(tensor[:, :, fingers[0]], keypoints.right_hand[:, fingers[1]].T, atol=1e-6)
        np.testing.assert_allclose(tensor[:, :, elbow[0]], keypoints.pose[:, elbow[1], :3].T, atol=1e-6)


class TestHands:
    def test_mirroring_twice_is_the_identity(self):
        keypoints = forget(signer(), left_hand=[1, 2], pose=[4])
        twice = mirror(mirror(keypoints))
        for part in ("timestamps_ms", "pose", "left_hand", "right_hand"):
            np.testing.assert_allclose(getattr(twice, part), getattr(keypoints, part), atol=1e-6)

    def test_in_a_mirror_left_is_right(self):
        keypoints = signer(seed=1)
        found = mirror(keypoints)
        np.testing.assert_allclose(found.left_hand[..., 0], 1 - keypoints.right_hand[..., 0])
        np.testing.assert_array_equal(found.left_hand[..., 1:], keypoints.right_hand[..., 1:])
        left, right = POSE.index("left_knee"), POSE.index("right_knee")
        np.testing.assert_allclose(found.pose[:, left, 0], 1 - keypoints.pose[:, right, 0])
        np.testing.assert_array_equal(found.pose[:, left, 1:], keypoints.pose[:, right, 1:])

    def test_a_mirrored_signer_gives_the_same_tensor(self):
        keypoints = forget(signer(), right_hand=[5])
        for place in ("shoulders", "none"):
            found = tensor_of(mirror(keypoints), normalise=place)
            np.testing.assert_allclose(found, tensor_of(keypoints, normalise=place), atol=1e-5)

    def test_keep_leaves_a_left_handed_signer_alone(self):
        keypoints = signer(signing="left")
        tensor, facts = clip_tensor(keypoints, TensorSettings(mirror_left_handed=False, idle_hand="keep"))
        assert not facts["mirrored"]
        np.testing.assert_allclose(np.ptp(tensor[0][:, joints("left")[0]]), 0.1 / 0.2, atol=1e-5)

    @pytest.mark.parametrize("seed", range(5))
    def test_two_equal_hands_are_not_mirrored_and_do_not_rest(self, seed):
        rng = np.random.default_rng(seed)
        keypoints = forget(signer(frames=40, other="signs"), right_hand=rng.random(40) < 0.15)
        _, facts = clip_tensor(keypoints, TensorSettings())
        assert not (facts["mirrored"] or facts["resting_left"] or facts["resting_right"])

    @pytest.mark.parametrize("signing", ["left", "right"])
    def test_the_hand_that_is_up_signs_and_the_one_that_hangs_rests(self, signing):
        resting = "right" if signing == "left" else "left"
        use = use_of_hands(signer(signing=signing))
        assert (use.dominant, use.resting) == (signing, (resting,))

    def test_without_a_pose_the_hand_that_is_seen_signs(self):
        keypoints = forget(signer(frames=20), pose=slice(None), right_hand=range(15))
        assert use_of_hands(keypoints).dominant == "left"

    def test_a_resting_hand_is_missing_when_masked_but_told_of_either_way(self):
        for rest in ("mask", "keep"):
            tensor, facts = clip_tensor(signer(), TensorSettings(idle_hand=rest))
            assert facts["resting_left"]
            assert facts["seen_left"] == 1
            assert np.isnan(tensor[..., joints("left")]).all() == (rest == "mask")

    def test_facts_speak_of_the_signers_own_hands(self):
        keypoints = forget(signer(signing="left"), left_hand=[3, 4, 9], right_hand=slice(None))
        _, facts = clip_tensor(keypoints, TensorSettings())
        assert facts["mirrored"]
        assert facts["seen_left"] == pytest.approx(0.85)
        assert facts["imputed_left"] == pytest.approx(0.15)
        assert (facts["seen_right"], facts["imputed_right"], facts["longest_gap"]) == (0, 1, 2)
        assert facts["seen_any"] == pytest.approx(0.85)

    @pytest.mark.parametrize("side", ["left", "right"])
    def test_the_layout_of_one_hand_shows_the_one_that_signs(self, side):
        options = {"channels": ["x_palm", "y_palm"], "trim": "none"}
        one = tensor_of(signer(signing=side), layout="hand_21", **options)
        both = tensor_of(signer(signing=side), layout="hands_arms_46", **options)
        np.testing.assert_array_equal(one, both[..., joints("right", "hands_arms_46")])

    def test_the_layout_of_one_hand_needs_clips_mirrored(self):
        with pytest.raises(ValueError, match=r"hand_21 is the right hand.*set mirror_left_handed: true"):
            TensorSettings(layout="hand_21", mirror_left_handed=False)

    @pytest.mark.parametrize("side", ["left", "right"])
    def test_always_shows_one_hand_whatever_the_other_does(self, side):
        keypoints = signer(signing=side, other="signs")
        tensor, facts = clip_tensor(keypoints, TensorSettings(idle_hand="mask_other"))
        assert not (facts["resting_left"] or facts["resting_right"])
        assert np.isnan(tensor[..., joints("left")]).all()
        assert not np.isnan(tensor[..., joints("right")]).any()


class TestSpan:
    def lowered(self, *frames, side="right"):
        """A signer whose signing wrist hangs in these frames."""
        keypoints = signer()
        pose = keypoints.pose.copy()
        pose[list(frames), POSE.index(f"{side}_wrist"), 1] = 0.9
        return replace(keypoints, pose=pose)

    def test_a_sign_is_from_the_first_to_the_last_raised_hand_with_all_between(self):
        keypoints = self.lowered(0, 1, 2, 9, 17, 18, 19)
        assert signing(keypoints) == slice(3, 17)
        tensor, facts = clip_tensor(keypoints, TensorSettings(trim="sign", frames=14))
        assert (facts["first_frame"], facts["last_frame"], facts["frames"]) == (3, 16, 20)
        whole = tensor_of(keypoints, frames=20)
        np.testing.assert_allclose(tensor[..., joints("right")], whole[:, 3:17, joints("right")], atol=1e-5)

    def test_either_hand_counts(self):
        assert signing(signer(signing="left")) == slice(0, 20)

    def test_where_no_hand_is_ever_raised_or_nobody_seen_all_frames_stay(self):
        assert signing(self.lowered(*range(20))) == slice(0, 20)
        assert signing(forget(signer(), pose=slice(None))) == slice(0, 20)

    def test_a_whole_clip_has_all_its_frames(self):
        _, facts = clip_tensor(self.lowered(0, 19), TensorSettings())
        assert (facts["first_frame"], facts["last_frame"]) == (0, 19)


class TestShard:
    def shard(self, folder, clips, status=None):
        status = status or {}
        files = [folder / name for name in ("k.parquet", "k.videos.parquet", "t.npy", "t.parquet")]
        found = {name: Extraction(clip, status.get(name, "ok")) for name, clip in clips.items()}
        write_shard([ShardClip(name, f"digest of {name}", 1, clip) for name, clip in found.items()], *files[:2], {})
        build_tensors(*files, TensorSettings())
        return np.load(folder / "t.npy"), read_parquet(folder / "t.parquet").to_pylist()

    def test_rows_of_table_and_array_agree_and_only_usable_clips_are_there(self, tmp_path):
        clips = {"b": signer(9), "bad": empty_keypoints(), "empty": signer(5), "a": signer(30, 1)}
        tensors, rows = self.shard(tmp_path, clips, {"bad": "unreadable", "empty": "no_person"})
        assert [(row["sample_id"], row["frames"]) for row in rows] == [("b", 9), ("a", 30)]
        assert rows[1]["sha256"] == "digest of a"
        np.testing.assert_array_equal(tensors[1], tensor_of(clips["a"]))
        assert tensors.dtype == np.float32

    def test_no_usable_clip_gives_valid_empty_files(self, tmp_path):
        tensors, rows = self.shard(tmp_path, {"bad": empty_keypoints()}, {"bad": "no_frames"})
        assert tensors.shape == (0, 9, 64, 27)
        assert rows == []
        assert read_metadata(tmp_path / "t.parquet")["channels"] == ["x", "y", "x_palm", "y_palm", *TIPS]

    def test_a_clip_does_not_depend_on_its_neighbours(self, tmp_path):
        alone, _ = self.shard(tmp_path, {"a": signer(30, 1)})
        among, _ = self.shard(tmp_path, {"x": signer(4, 2), "a": signer(30, 1), "y": signer(50, 3)})
        assert alone[0].tobytes() == among[1].tobytes()

    def test_the_same_shard_gives_the_same_bytes(self, tmp_path):
        files = []
        for _ in range(2):
            self.shard(tmp_path, {"a": signer(30, 1)})
            files.append([(tmp_path / name).read_bytes() for name in ("t.npy", "t.parquet")])
        assert files[0] == files[1]

    def test_an_ok_clip_without_frames_is_an_error_that_names_it(self, tmp_path):
        with pytest.raises(SignfoldError, match=r"k\.parquet.*'lost'"):
            self.shard(tmp_path, {"a": signer(3), "lost": empty_keypoints()})


def test_unknown_channels_and_layouts_are_named():
    with pytest.raises(ValueError, match="channels"):
        TensorSettings(channels=["x", "w"])
    with pytest.raises(ValueError, match="layout: found 'hands_body_28'"):
        TensorSettings(layout="hands_body_28")
