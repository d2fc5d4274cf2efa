"""What `signfold view` shows: the figure where it was detected, and what was imputed in a colour of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from views import SIZE, clip_of, person, shows, with_gap

from signfold.cli.main import main
from signfold.core import files
from signfold.core.clip import Extraction, ShardClip, empty_keypoints, write_shard
from signfold.core.errors import SignfoldError
from signfold.core.settings import TensorSettings
from signfold.keypoints import holistic
from signfold.keypoints.cache import file_digest
from signfold.visual import draw
from signfold.visual.contact_sheet import ClipView
from signfold.visual.load_clip import IMAGES, clip_of_results, clip_of_video, encoded, write_view


def test_a_film_has_a_frame_for_each_and_the_raw_side_shows_no_imputation(tmp_path: Path) -> None:
    clip = clip_of(with_gap(3, 4))
    out = tmp_path / "film.mp4"
    write_view(clip, out)
    capture = cv2.VideoCapture(str(out))
    read = [cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB) for _ in range(8)]
    assert not capture.read()[0]
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(25)
    body = read[3][66:-60]
    left, right = body[:, : body.shape[1] // 2], body[:, body.shape[1] // 2 :]
    assert shows(right, draw.IMPUTED).sum() > 50
    assert not shows(left, draw.IMPUTED).any()
    assert not shows(left, draw.COLOURS["right_hand"]).any()
    assert shows(read[2][66:-60], draw.COLOURS["right_hand"]).any()
    assert not shows(read[2][66:-60], draw.IMPUTED).any()
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


@pytest.mark.parametrize("ending", IMAGES)
def test_pictures_are_written_without_a_word_of_opencv(capfd: pytest.CaptureFixture[str], ending: str) -> None:
    picture = np.full((40, 60, 3), (200, 90, 10), np.uint8)
    shown = cv2.imdecode(np.frombuffer(encoded(picture, ending), np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_allclose(shown.astype(int), picture, atol=3)
    assert capfd.readouterr().err == ""


def test_what_cannot_be_written_or_shown_says_why(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match=r"a\.gif: ends in \.gif; give one of \.mp4"):
        write_view(clip_of(person()), tmp_path / "a.gif")
    nothing = ClipView("a", tmp_path, Extraction(empty_keypoints(), "no_frames", "none decodes"), TensorSettings())
    with pytest.raises(SignfoldError, match="a: nothing to show; no_frames: none decodes"):
        write_view(nothing, tmp_path / "a.png")
    with pytest.raises(SignfoldError, match="no such video"):
        clip_of_video(tmp_path / "a.mp4", tmp_path / "cache")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def results(tmp_path: Path, write_video: Callable[..., Path]) -> Path:
    """A dataset of one clip, whose tensors hold the last detection instead of interpolating."""
    path = write_video(tmp_path / "videos" / "a.mp4", frames=8, size=SIZE)
    keypoints = with_gap(3, 4)
    keypoints.right_hand[5:] += np.float32(0.2)
    clip = ShardClip("house/a", *file_digest(path), Extraction(keypoints))
    out = tmp_path / "results"
    files.write_parquet(
        pa.Table.from_pylist([{"sample_id": "house/a", "path": str(path), "shard": "7"}]), out / "index.parquet"
    )
    write_shard([clip], out / "keypoints" / "7.parquet", out / "keypoints" / "7.videos.parquet", {})
    settings = {"settings": vars(replace(TensorSettings(), imputation="hold"))}
    files.write_parquet(pa.table({"sample_id": ["house/a"]}), out / "tensors" / "7.parquet", settings)
    return out


def test_a_clip_of_a_dataset_is_found_by_id_and_by_content_and_imputed_as_its_tensors(results: Path) -> None:
    by_id = clip_of_results("house/a", results)
    copy = results.parent / "elsewhere.mp4"
    copy.write_bytes((results.parent / "videos" / "a.mp4").read_bytes())
    by_content = clip_of_results(str(copy), results)
    assert (by_id.name, by_content.name, by_content.path) == ("house/a", "house/a", copy)
    np.testing.assert_array_equal(by_id.imputed.right_hand[3:5], by_id.found.keypoints.right_hand[[2, 2]])
    with pytest.raises(SignfoldError, match="no keypoints of 'house/b'"):
        clip_of_results("house/b", results)


def test_the_cache_is_used_and_not_made(
    tmp_path: Path, write_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "a.mp4", frames=3)
    assert len(clip_of_video(path, tmp_path / "cache")) == 3
    assert not (tmp_path / "cache").exists()
    (tmp_path / "cache").mkdir()
    clip_of_video(path, tmp_path / "cache")
    monkeypatch.setattr(holistic.Holistic, "extract", lambda *_: pytest.fail("it is in the cache"))
    assert len(clip_of_video(path, tmp_path / "cache")) == 3


def test_the_command_writes_beside_you_and_says_where(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["view", "house/a", "--results", str(results)])
    assert result.output.strip() == "a.view.png"
    assert cv2.imread(str(tmp_path / "a.view.png")).shape[1] == 1600
