"""What is listed of a folder: regular files, and of the rest what it is."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from signfold.core.errors import SignfoldError
from signfold.dataset import index
from signfold.dataset.listing import files_below, list_files, text_in_place_of_video


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / "house").mkdir()
    (tmp_path / "house" / "a.mp4").write_bytes(b"x")
    return tmp_path / "house"


def reasons(root: Path) -> dict[str, str]:
    found = index.read_index({"root": str(root), "match": "(?P<label>[^/]+)/[^/]+$"})
    assert [sample.sample_id for sample in found.samples] == ["house/a"]
    return {Path(path).name: reason for path, reason in found.excluded}


def test_what_is_no_regular_file_is_left_out_with_what_it_is(house: Path) -> None:
    os.mkfifo(house / "pipe.mp4")
    (house / "zero.mp4").symlink_to("/dev/zero")
    (house / "gone.mp4").symlink_to(house / "nowhere.mp4")
    (house / "loop.mp4").symlink_to(house / "loop.mp4")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(house / "socket.mp4"))
    found = reasons(house.parent)
    assert found.pop("loop.mp4").startswith("it cannot be looked at")
    assert found == {
        "pipe.mp4": "a named pipe, not a regular file",
        "zero.mp4": "a device, not a regular file",
        "gone.mp4": "a link that leads nowhere",
        "socket.mp4": "a socket, not a regular file",
    }


def test_a_pipe_among_frames_of_keypoints_does_not_hang(tmp_path: Path) -> None:
    (tmp_path / "hello" / "0").mkdir(parents=True)
    os.mkfifo(tmp_path / "hello" / "0" / "0.npy")
    with pytest.raises(SignfoldError, match="a named pipe"):
        index.read_index({"root": str(tmp_path), "keypoints": "npy", "match": "(?P<label>[^/]+)/[^/]+$"})


def test_a_folder_that_cannot_be_read_is_listed(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (house.parent / "locked").mkdir()
    scandir = os.scandir

    def refusing(path: str) -> object:  # the superuser, who runs tests in a container, may read everything
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert reasons(house.parent) == {"locked": "the folder cannot be read (Permission denied)"}
    with pytest.raises(SignfoldError, match="locked: the folder cannot be read"):
        list_files(house.parent / "locked")


def test_files_come_folder_by_folder_sorted_and_hidden_ones_not(house: Path) -> None:
    for name in ("b.mp4", ".hidden.mp4", "sub/c.mp4", "sub/.git/d.mp4"):
        (house / name).parent.mkdir(exist_ok=True, parents=True)
        (house / name).write_bytes(b"x")
    assert files_below(house) == ["a.mp4", "b.mp4", "sub/c.mp4"]


@pytest.mark.parametrize(
    "content",
    [
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"#EXTM3U\n#EXT-X-VERSION:3\n\0\xff",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n",
        b"\x01\nv=0\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n\0",
        b"<?xml version='1.0'?><MPD></MPD>",
        b"  <MPD type='static'></MPD>",
        "Grüße, kein Video\n".encode() * 500,
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    ],
)
def test_playlists_and_texts_are_told_by_what_they_are(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    assert "not" in str(text_in_place_of_video(tmp_path / "a.mp4"))


def test_a_video_is_no_text(tmp_path: Path, write_video: Callable[..., Path]) -> None:
    assert text_in_place_of_video(write_video(tmp_path / "a.mp4")) is None
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 20)
    assert text_in_place_of_video(tmp_path / "noise.mp4") is None
