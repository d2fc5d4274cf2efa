"""The server answers its own page alone, gives the answer of the file, and is harmed by nothing that comes in."""

from __future__ import annotations

import json
import math
import random
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
import uvicorn
from camera_film import SIZE
from live_model import keypoints
from live_server import Served, ask, jpeg, message
from websockets.exceptions import ConnectionClosed, InvalidStatus

from signfold.core.clip import Extraction
from signfold.inference.live.limits import MOST_CLIP_BYTES, MOST_FRAME_BYTES, MOST_MESSAGES, MOST_SESSIONS
from signfold.inference.live.serve import serve
from signfold.inference.load import load

# One server for all of them, on one worker.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("live")]


def still_works(served: Served) -> bool:
    with served.live() as socket:
        return ask(socket, message(1, jpeg()))["decoded"]


def left_behind(served: Served) -> list[Path]:
    return list(served.temporary.iterdir())


def closing(served: Served, *messages: bytes | str) -> tuple[int, str]:
    """Send messages, and return with which code and reason the server closes."""
    with served.live() as socket:
        try:
            for each in messages:
                socket.send(each)
            for _ in range(2 * len(messages)):
                socket.recv(timeout=60)
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code, closed.rcvd.reason
    raise AssertionError("the server goes on")


def test_the_page_and_its_files_are_there(served: Served) -> None:
    for path, kind in {"": "text/html", "page.js": "text/javascript", "page.css": "text/css"}.items():
        status, headers, body = served.request(path)
        assert (status, headers["content-type"].split(";")[0]) == (200, kind)
        assert body
    assert json.loads(served.request("about")[2])["glosses"] == ["where", "yes"]


def test_every_answer_forbids_other_origins(served: Served) -> None:
    for path, token in (("", None), ("page.js", None), ("gone", None), ("", "wrong")):
        headers = served.request(path, token=token)[1]
        policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == "'self'"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("token", ["", "wrong", "..", "%2e%2e", "ü".encode().hex()])
def test_nothing_is_told_without_the_token(served: Served, token: str) -> None:
    for path in ("", "page.js", "about", "../about"):
        assert served.request(path, token=token)[0] == 403
    assert served.request("clip", b"x", token=token)[0] == 403
    with pytest.raises(InvalidStatus):
        served.live(token=token or "x")


def test_other_hosts_and_origins_are_refused(served: Served) -> None:
    assert served.request(Host="evil.example")[0] == 403
    assert served.request(Origin="http://evil.example")[0] == 403
    assert served.request("clip", b"x", Origin="http://evil.example")[0] == 403
    assert served.request("clip", b"x", Origin="null")[0] == 403
    with pytest.raises(InvalidStatus):
        served.live(origin="http://evil.example")
    with pytest.raises(InvalidStatus):
        served.live(origin="http://evil.example", host="evil.example")


def test_no_file_beside_the_page_is_served(served: Served) -> None:
    for path in ("../app.py", "..%2fapp.py", "%2e%2e/app.py", "page.js/..", "index.html%00", "live"):
        assert served.request(path)[0] == 404


def test_it_listens_on_this_machine_alone(served: Served) -> None:
    listening = [each for each in psutil.Process(served.process.pid).net_connections() if each.status == "LISTEN"]
    assert [each.laddr.ip for each in listening] == ["127.0.0.1"]


def test_a_sign_before_the_camera_is_answered(served: Served, film: list[np.ndarray]) -> None:
    still = [film[0]] * 4, [film[-1]] * 6
    answers, signing = [], []
    with served.live() as socket:
        for number, picture in enumerate([*still[0], *film, *still[1]]):
            found = ask(socket, message(1000 + 1000 / 30 * number, jpeg(picture)))
            if found["type"] == "answer":
                answers.append(found)
                found = json.loads(socket.recv(timeout=60))
            signing.append(found["signing"])
        answers = answers or [json.loads(socket.recv(timeout=60))]
    assert len(answers) == 1
    assert answers[0]["status"] == "ok"
    assert answers[0]["known"]
    assert answers[0]["signs"][0]["gloss"] == "yes"
    assert 0 < answers[0]["signs"][0]["probability"] <= 1
    assert signing[0] is signing[-1] is False
    assert True in signing
    assert 1000 < answers[0]["ended"] < 1000 + 1000 / 30 * (4 + len(film))


def test_a_key_ends_a_sign(served: Served, film: list[np.ndarray]) -> None:
    middle = len(film) // 2
    with served.live() as socket:
        socket.send("begin")
        for number in range(4):
            assert ask(socket, message(number, jpeg(film[middle + number])))["signing"]
        answer = ask(socket, "end")
    assert answer["type"] == "answer"
    assert answer["frames"] == 4
    assert [sign["gloss"] for sign in answer["signs"]]


def test_a_sign_without_anybody_says_so(served: Served) -> None:
    with served.live() as socket:
        socket.send("begin")
        assert ask(socket, message(1, jpeg()))["pose"] is None
        assert ask(socket, "end")["status"] == "no_person"


def test_an_uploaded_clip_has_the_answer_of_the_file(served: Served, bundle: Path, clip: Path) -> None:
    status, _, body = served.request("clip", clip.read_bytes())
    answer = json.loads(body)
    expected = load(bundle).predict(clip)
    assert (status, answer["status"], answer["known"]) == (200, "ok", expected.known)
    assert [each["gloss"] for each in answer["signs"]] == [sign.gloss for sign in expected.signs]
    # Another thread, another place in memory: the same products may be summed in another order.
    assert [each["probability"] for each in answer["signs"]] == pytest.approx(
        [sign.probability for sign in expected.signs], abs=1e-6
    )
    assert answer["signs"][0]["gloss"] == "yes"
    assert (answer["width"], answer["height"]) == SIZE
    assert len(answer["skeletons"]) == len(keypoints(7, 1))
    assert left_behind(served) == []


HOSTILE: dict[str, tuple[int, list[bytes | str]]] = {
    "random bytes": (1003, [random.Random(0).randbytes(5000)]),
    "no jpeg": (1003, [message(1, b"\x89PNG\r\n\x1a\n" + bytes(99))]),
    "a time alone": (1009, [message(1, b"")]),
    "nothing": (1009, [b""]),
    "a huge declared picture": (1009, [message(1, b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03" + bytes(99))]),
    "an earlier time": (1008, [message(5, jpeg()), message(4, jpeg())]),
    "the same time": (1008, [message(5, jpeg()), message(5, jpeg())]),
    "no time": (1008, [message(math.nan, jpeg())]),
    "no end of time": (1008, [message(math.inf, jpeg())]),
    "a time before the page": (1008, [message(-5, jpeg())]),
    "an unknown word": (1003, ["rm -rf"]),
    "json": (1003, ['{"type": "frame"}']),
    "an empty word": (1003, [""]),
    "a flood": (1008, ["begin"] * (MOST_MESSAGES + 1)),
}
# The library closes before the session sees the message.
HOSTILE["a long message"] = (1009, [bytes(MOST_FRAME_BYTES + 1)])
HOSTILE["a long word"] = (1009, ["x" * (MOST_FRAME_BYTES + 1)])


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_page_sends_is_refused(served: Served, name: str) -> None:
    code, messages = HOSTILE[name]
    # The first time must be a number for the random bytes to be looked at.
    messages = [message(1, messages[0])] if name == "random bytes" else messages  # type: ignore[arg-type]
    assert closing(served, *messages)[0] == code
    assert still_works(served)


def test_pictures_that_do_not_decode_are_told_and_harm_nothing(served: Served) -> None:
    rng = random.Random(1)
    whole = jpeg(np.random.default_rng(0).integers(0, 255, (120, 160, 3)).astype(np.uint8))
    start_of_scan = whole.index(b"\xff\xda")
    with served.live() as socket:
        for number in range(40):
            broken = bytearray(whole)
            for _ in range(rng.randrange(1, 60)):
                broken[rng.randrange(start_of_scan - 30, len(broken))] = rng.randrange(256)
            content = bytes(broken[: rng.randrange(start_of_scan, len(broken))])
            assert ask(socket, message(number + 1, content))["type"] == "frame"
            time.sleep(1 / MOST_MESSAGES)
    assert still_works(served)


def test_a_tracker_that_dies_is_said_and_replaced(served: Served) -> None:
    with served.live() as socket:
        assert ask(socket, message(1, jpeg()))["decoded"]
        children = psutil.Process(served.process.pid).children()
        for child in children:
            if "spawn_main" in " ".join(child.cmdline()):
                child.kill()
        with pytest.raises(ConnectionClosed) as closed:
            ask(socket, message(2, jpeg()), message(3, jpeg()))
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011
    assert still_works(served)


def test_only_a_few_pages_are_live_at_a_time(served: Served) -> None:
    with ExitStack() as stack:
        for _ in range(MOST_SESSIONS):
            socket = stack.enter_context(served.live())
            assert ask(socket, message(1, jpeg()))["decoded"]
        assert closing(served, message(1, jpeg()))[0] == 1013
    assert still_works(served)


def test_a_picture_of_another_size_begins_anew(served: Served) -> None:
    with served.live() as socket:
        socket.send("begin")
        assert ask(socket, message(1, jpeg()))["signing"]
        assert not ask(socket, message(2, jpeg(np.full((64, 48, 3), 99, np.uint8))))["signing"]


@pytest.mark.parametrize("content", [b"", b"#EXTM3U\nfile:///etc/passwd\n", random.Random(2).randbytes(99999)])
def test_an_upload_that_is_no_video_is_said(served: Served, content: bytes) -> None:
    status, _, body = served.request("clip", content)
    answer = json.loads(body)
    assert (status, answer["status"], answer["signs"]) == (200, "unreadable", [])
    assert answer["reason"]
    assert left_behind(served) == []


def test_odd_files_are_answered_or_said(served: Served, shared: Path) -> None:
    for path in sorted((shared / "odd").iterdir()):
        if path.stat().st_size < 70_000:  # the others take minutes
            status, _, body = served.request("clip", path.read_bytes())
            answer = json.loads(body)
            assert status == 200, path
            assert answer["signs"] or answer["reason"], path
    assert left_behind(served) == []
    assert still_works(served)


def test_an_upload_that_is_too_large_is_given_up(served: Served) -> None:
    def pieces() -> object:
        for _ in range(MOST_CLIP_BYTES // 2**20 + 8):
            yield bytes(2**20)

    try:
        status, _, body = served.request("clip", pieces())
        assert status == 413
        assert b"cut it" in body
    except (BrokenPipeError, ConnectionResetError):  # the server did not wait for the rest
        pass
    assert left_behind(served) == []
    assert still_works(served)


def test_an_upload_that_breaks_off_leaves_nothing(served: Served) -> None:
    def pieces() -> object:
        yield bytes(2**20)
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        served.request("clip", pieces())
    assert left_behind(served) == []
    status, until = 429, time.monotonic() + 30
    while status == 429 and time.monotonic() < until:  # the server may hear of it a moment later
        status = served.request("clip", b"")[0]
    assert status == 200  # the next is taken


def test_a_port_that_is_taken_is_one_message(served: Served, bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from click.testing import CliRunner

    from signfold.cli.main import main

    done = CliRunner().invoke(main, ["serve", str(bundle), "--port", str(served.port), "--no-browser"])
    assert done.exit_code == 1
    assert "cannot listen there" in done.output
    assert "--port" in done.output


@pytest.mark.parametrize(("cores", "left"), [(4, 3), (1, 1)])
def test_the_network_leaves_a_core_to_the_tracker(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, cores: int, left: int
) -> None:
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_, **__: None)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(cores)
        serve(load(bundle), "127.0.0.1", 0, lambda _: None, browser=False)
        assert torch.get_num_threads() == left
    finally:
        torch.set_num_threads(before)


def test_true_joints_are_what_the_model_knows(bundle: Path) -> None:
    model = load(bundle)
    for sign, gloss in enumerate(("yes", "where"), 1):
        assert model.answer(Extraction(keypoints(8, sign))).signs[0].gloss == gloss
