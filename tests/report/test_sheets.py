"""Pictures of people: frames of the videos are marked as such, and left out where they are not wanted."""

from __future__ import annotations

import base64
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pyarrow as pa
import pytest
from fake_results import evaluated, rewrite
from html_page import RUN, Page, built
from jinja2 import Template
from views import SIZE, person

from signfold import report
from signfold.core.clip import to_table
from signfold.core.files import file_sha256, read_parquet, write_parquet
from signfold.core.made_with import FRAMES_SHA256
from signfold.report.results import Results
from signfold.report.sheets import WIDTH, sheets

# The videos' only colour, and what is left of it in a sheet, which dims them.
GREEN, DIMMED = (0, 255, 0), (0, 178, 0)
MARK = "This page shows people's faces"


def film(path: Path) -> None:
    """Write a video of one colour."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, SIZE)
    for _ in range(8):
        writer.write(np.full((SIZE[1], SIZE[0], 3), GREEN, np.uint8))
    writer.release()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results whose clips have keypoints and are all of one video, a.mp4."""
    root = evaluated(tmp_path_factory.mktemp("results"))
    film(root / "a.mp4")
    rewrite(root / "index.parquet", lambda table: table.assign(path=str(root / "a.mp4")))
    for videos in root.glob("keypoints/*.videos.parquet"):
        names = read_parquet(videos)["sample_id"].to_pylist()
        frames = videos.with_name(videos.name.replace(".videos", ""))
        write_parquet(pa.concat_tables([to_table(name, person()) for name in names]), frames)
        write_parquet(read_parquet(videos), videos, {FRAMES_SHA256: file_sha256(frames)})
    return root


def pictures(page: Page) -> list[np.ndarray]:
    """Return the embedded pictures, (H, W, 3) BGR."""
    sources = [str(image["src"]).split(",")[1] for image in page.all("img")]
    return [cv2.imdecode(np.frombuffer(base64.b64decode(one), np.uint8), cv2.IMREAD_COLOR) for one in sources]


def has_frame(picture: np.ndarray) -> bool:
    """Whether a picture shows the video."""
    return bool((np.abs(picture.astype(int) - DIMMED).max(axis=2) < 30).sum() > 1000)


def test_sheets_are_of_the_clips_that_are_there(root: Path, tmp_path: Path) -> None:
    name = read_parquet(root / "index.parquet")["sample_id"][0].as_py()
    (one,) = sheets(Results(root), [name, "nobody/nothing"])
    assert (one.sample_id, one.has_frames) == (name, True)
    assert one.source.startswith("data:image/jpeg;base64,")
    assert sheets(Results(tmp_path), [name]) == []


def test_a_page_with_frames_is_marked_with_the_sections_that_have_them(root: Path) -> None:
    page = built(root)
    shown = pictures(page)
    assert len(shown) > 4
    assert {picture.shape[1] for picture in shown} == {WIDTH}
    assert all(map(has_frame, shown))
    assert MARK in page.words
    (mark,) = (text.split("</p>")[0] for text in (root / "report.html").read_text().split('id="faces">')[1:])
    assert 'href="#quality"' in mark
    assert 'href="#labels"' in mark


def test_without_pictures_no_frame_is_in_the_page_and_skeletons_stay(root: Path) -> None:
    """The sheets have the keypoints on an empty ground, and the confused signs move."""
    with_frames = built(root)
    page = built(root, pictures=False)
    shown = pictures(page)
    assert len(shown) == len(pictures(with_frames))
    assert not any(map(has_frame, shown))
    assert MARK not in page.words
    assert page.drawings == with_frames.drawings
    assert len(page.drawings) > 0
    assert len(page.all("canvas")) == len(page.drawings)


@pytest.mark.parametrize("wanted", [True, False])
def test_the_figure_that_stands_alone_is_marked_likewise(root: Path, tmp_path: Path, wanted: bool) -> None:
    report.figures(Results(root, wanted), tmp_path)
    pages = {path.stem: Page(path) for path in tmp_path.glob("*.html")}
    assert [has_frame(picture) for picture in pictures(pages["quality"])] == [wanted] * 4
    assert {name for name, page in pages.items() if MARK in page.words} == ({"quality"} if wanted else set())


@pytest.mark.parametrize("name", ["report", "quality"])
def test_the_captions_of_snakemake_s_report_carry_the_mark(name: str) -> None:
    text = (Path(__file__).parents[2] / f"workflow/report/{name}.rst").read_text(encoding="utf-8")

    def caption(pictures: bool) -> str:
        job = SimpleNamespace(wildcards=SimpleNamespace(dataset="demo"), params=SimpleNamespace(pictures=pictures))
        return Template(text).render(snakemake=job)

    assert MARK in caption(True)
    assert MARK not in caption(False)


def test_the_data_card_names_the_sections_with_faces(root: Path, tmp_path: Path) -> None:
    def card(pictures: bool) -> str:
        report.cards(Results(root, pictures), tmp_path / "model.md", tmp_path / "data.md", RUN)
        return (tmp_path / "data.md").read_text()

    assert "shows people's faces in the section Keypoints" in card(True)
    assert "the section Labels (the label errors)" in card(True)
    assert "The report has no frames of the videos" in card(False)


def test_clips_without_videos_are_drawn_without_a_mark(root: Path) -> None:
    """Imported keypoints, or videos that are gone."""
    (root / "a.mp4").rename(root / "gone.mp4")
    try:
        page = built(root)
    finally:
        (root / "gone.mp4").rename(root / "a.mp4")
    assert len(page.all("img")) > 4
    assert not any(map(has_frame, pictures(page)))
    assert MARK not in page.words
