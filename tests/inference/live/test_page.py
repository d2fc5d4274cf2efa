"""The page in a real browser, before a camera that shows a synthetic signer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from camera_film import pictures, write_film
from chromium import CHROMIUM, Chromium
from live_server import Served, start

from signfold.inference.live.app import PAGE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("live"),
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine"),
]
# Slower than life, so that a busy machine sees enough of the sign.
FPS = 10
HAS_WHITE = """(() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  context.drawImage(document.querySelector("#view"), 0, 0, 300, 150);
  return context.getImageData(0, 0, 300, 150).data.some((value, place) => place % 4 === 0 && value > 200);
})()"""
HIDDEN = "document.querySelector('#signing').hidden"


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody who signs `where`, again and again."""
    acted = pictures(7, 2)
    return write_film(tmp_path_factory.mktemp("film") / "where.y4m", [acted[0]] * 8 + acted + [acted[-1]] * 12, FPS)


def browser(profile: Path, *options: str) -> Chromium:
    return Chromium(profile, "--use-fake-ui-for-media-stream", *options)


def own_requests_only(page: Chromium, served: Served) -> bool:
    return all(
        url.startswith((served.address, served.address.replace("http", "ws"), "blob:", "data:"))
        for url in page.requests
    )


@pytest.fixture
def camera(tmp_path: Path, where: Path) -> Iterator[Chromium]:
    page = browser(
        tmp_path / "profile", "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={where}"
    )
    yield page
    page.close()


def click(page: Chromium, selector: str) -> None:
    page.evaluate(f"document.querySelector({selector!r}).click()")


def text(page: Chromium, selector: str) -> str:
    return page.evaluate(f"document.querySelector({selector!r}).textContent")


def test_the_right_sign_appears_and_nothing_else_is_asked_for(camera: Chromium, served: Served) -> None:
    camera.open(served.address)
    camera.wait_for("document.querySelector('#model').textContent === 'demo: 2 signs'")
    click(camera, "#camera")
    camera.wait_for("document.querySelectorAll('#history li').length > 0")
    assert text(camera, "#best") == "where"
    rows = camera.evaluate("[...document.querySelectorAll('#signs li')].map((row) => row.innerText)")
    assert [re.split(r"\s+", row)[0] for row in rows] == ["where", "yes"]
    assert all(re.search(r"\d %$", row) for row in rows)
    assert re.fullmatch(r"\d+ ms", text(camera, "#latency"))
    assert float(text(camera, "#fps")) > 0
    assert text(camera, "#notice") == ""
    camera.wait_for(f"!{HIDDEN}")  # the film begins anew
    click(camera, "#camera")
    camera.wait_for("document.querySelector('#notice').textContent.startsWith('Start the camera')")
    assert camera.complaints == []
    assert own_requests_only(camera, served)
    assert f"ws://{served.host}/{served.token}/live" in camera.requests


def test_the_space_bar_begins_and_ends_a_sign(camera: Chromium, served: Served) -> None:
    def press() -> None:
        for kind in ("keyDown", "keyUp"):
            camera.call("Input.dispatchKeyEvent", type=kind, code="Space", key=" ", windowsVirtualKeyCode=32, text=" ")

    camera.open(served.address)
    click(camera, "#camera")
    camera.wait_for("document.querySelector('#fps').textContent !== '–'")
    camera.wait_for(HIDDEN)
    press()
    camera.wait_for(f"!{HIDDEN} && document.querySelector('#sign').innerText.startsWith('End')")
    before = camera.evaluate("document.querySelectorAll('#history li').length")
    press()
    camera.wait_for(f"document.querySelectorAll('#history li').length > {before}")
    assert camera.complaints == []


def test_without_a_camera_the_page_says_so_and_a_clip_is_played(served: Served, clip: Path, tmp_path: Path) -> None:
    page = browser(tmp_path / "profile")
    try:
        page.open(served.address)
        click(page, "#camera")
        page.wait_for("document.querySelector('#notice').textContent.startsWith('No camera found')")
        page.choose_file("#clip", clip)
        page.wait_for("document.querySelectorAll('#signs li').length > 0")
        assert text(page, "#best") == "yes"
        assert clip.name in text(page, "#history")
        page.wait_for(HAS_WHITE)  # limbs, on a dark ground
        text_file = tmp_path / "notes.mp4"
        text_file.write_text("no video")
        page.choose_file("#clip", text_file)
        page.wait_for("document.querySelector('#best').textContent === 'no answer'")
        assert "a text file, not a video" in text(page, "#reason")
        assert page.complaints == []
        assert own_requests_only(page, served)
    finally:
        page.close()


def test_ctrl_c_ends_the_server_and_its_processes_and_the_page_says_so(
    bundle: Path, camera: Chromium, tmp_path: Path
) -> None:
    server = start(bundle, tmp_path)
    camera.open(server.address)
    click(camera, "#camera")
    camera.wait_for("document.querySelector('#fps').textContent !== '–'")
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert server.stop() == 0
    assert psutil.wait_procs(children, timeout=60)[1] == []
    camera.wait_for("document.querySelector('#notice').textContent.startsWith('The server has gone')")
    assert text(camera, "#camera") == "Start the camera"


def test_the_page_is_operable_and_told(served: Served) -> None:
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    assert 'lang="en"' in page
    assert 'aria-live="polite"' in page
    assert 'role="status"' in page
    for target in re.findall(r'(?:for|aria-labelledby)="([\w-]+)"', page):
        assert f'id="{target}"' in page
    wanted = set(re.findall(r'\$\("(\w+)"\)', (PAGE / "page.js").read_text(encoding="utf-8")))
    assert wanted <= set(re.findall(r'id="([\w-]+)"', page))


def test_no_file_of_the_page_names_another_server() -> None:
    for path in PAGE.iterdir():
        assert not re.search(r"https?://|//[a-z]+\.", path.read_text(encoding="utf-8")), path
