"""A bundle from a stranger: whatever is wrong with the file is one clear error, and nothing is written or run."""

from __future__ import annotations

import json
import os
import pickle
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signfold.core.errors import SignfoldError
from signfold.inference.archive import HEADER, MOST_BYTES, read_archive, write_archive

WEIGHTS = "weights/all/seed-1/joint.safetensors"
ENTRIES = {"model_card.md": b"# card", WEIGHTS: bytes(range(256)) * 40}


def written(path: Path) -> Path:
    write_archive(path, {"name": "mine"}, ENTRIES)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read_and_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a"), written(tmp_path / "b")
    assert read_archive(first) == ({"name": "mine"}, ENTRIES)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == [HEADER, "model_card.md", WEIGHTS]
        assert set(json.loads(archive.read(HEADER))["files"]) == set(ENTRIES)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = written(tmp_path / "a")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="Out of range float"):
        write_archive(path, {"name": float("nan")}, ENTRIES)
    assert path.read_bytes() == before
    assert names(tmp_path) == ["a"]


def rewritten(path: Path, add: Callable[[zipfile.ZipFile], Any], **header: Any) -> Path:
    """The bundle with more in it, and with other things in its header."""
    whole = path.with_name("whole")
    written(whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w") as archive:
        for name in old.namelist():
            data = old.read(name)
            if name == HEADER:
                data = json.dumps(json.loads(data) | header).encode()
            archive.writestr(name, data)
        add(archive)
    return path


def entry(name: str, mode: int = stat.S_IFREG | 0o644, data: bytes = b"x", **about: Any) -> Any:
    """A function that adds an entry."""
    info = zipfile.ZipInfo("placeholder")
    info.filename, info.external_attr = name, mode << 16
    for key, value in about.items():
        setattr(info, key, value)
    return lambda archive: archive.writestr(info, data)


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "weights/../../evil", "/etc/passwd", "weights\\..\\evil", "C:\\evil", "weights/", ".", "",
        "weights/all/seed-1/joint.pkl", "code.py", "weights/ALL/seed-1/joint.safetensors", "weights/all/seed-1/../../x",
        "weights/all/seed-1/bone.safetensors\n", "model_card.md/x", "bundle.json ", "model_card.md\x00.py",
    ],
)  # fmt: skip
def test_names_that_lead_elsewhere_or_that_no_bundle_has(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    path = rewritten(tmp_path / "in" / "a", entry(name))
    with pytest.raises(SignfoldError, match=r"damaged, or no bundle of signfold: it has an entry .* which no bundle"):
        read_archive(path)
    assert names(tmp_path) == ["in"]
    assert names(tmp_path / "in") == ["a", "whole"]


MORE = "weights/all/seed-2/joint.safetensors"


@pytest.mark.parametrize(
    ("add", "said"),
    [
        (entry(MORE, stat.S_IFLNK | 0o777, b"/etc/passwd"), "no regular file, but a link"),
        (entry(MORE, stat.S_IFDIR | 0o755), "no regular file"),
        (entry(MORE, stat.S_IFIFO | 0o644), "no regular file"),
        (entry(MORE), "does not list the entry"),
        (entry(WEIGHTS), "it has two entries"),
        (entry(HEADER), "it has two entries"),
        (entry(MORE, data=bytes(10**6), compress_type=zipfile.ZIP_DEFLATED), "is compressed or encrypted"),
        (entry(MORE, data=bytes(10**6), compress_type=zipfile.ZIP_LZMA), "is compressed or encrypted"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_entries_that_are_no_plain_files(tmp_path: Path, add: Any, said: str) -> None:
    with pytest.raises(SignfoldError, match=said):
        read_archive(rewritten(tmp_path / "a", add))


def test_a_method_that_lies(tmp_path: Path) -> None:
    """Equal sizes, and yet said to be compressed."""
    content = bytearray(written(tmp_path / "a").read_bytes())
    central = content.index(b"PK\x01\x02", content.rindex(WEIGHTS.encode()) - 60)
    content[central + 10] = zipfile.ZIP_DEFLATED
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(SignfoldError, match="is compressed or encrypted"):
        read_archive(tmp_path / "a")


def test_a_header_or_card_that_fills_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MOST_BYTES, ".md", 5)
    with pytest.raises(SignfoldError, match=r"the entry 'model_card\.md' has 6 bytes, expected 5 at most"):
        read_archive(written(tmp_path / "a"))


def test_sizes_that_lie(tmp_path: Path) -> None:
    """The sizes in the central directory are what is believed; each is compared with the file before it is read."""
    content = written(tmp_path / "a").read_bytes()
    central = content.index(b"PK\x01\x02", content.rindex(WEIGHTS.encode()) - 60)
    for size in (2**31, 10**5, 10241, 0):
        changed = bytearray(content)
        changed[central + 20 : central + 28] = struct.pack("<II", size, size)
        (tmp_path / "a").write_bytes(changed)
        with pytest.raises(SignfoldError, match=rf"^{tmp_path}/a: damaged, or no bundle of signfold"):
            read_archive(tmp_path / "a")
    changed[central + 20 : central + 28] = struct.pack("<II", 10, 10**9)  # little that becomes much
    (tmp_path / "a").write_bytes(changed)
    with pytest.raises(SignfoldError, match="compressed or encrypted"):
        read_archive(tmp_path / "a")


def test_entries_that_share_their_bytes(tmp_path: Path) -> None:
    """A thousand entries of the directory on one and the same content: much out of little, without compression."""
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr(WEIGHTS, bytes(10**6))
        first = archive.infolist()[0]
        for number in range(2, 1000):
            info = zipfile.ZipInfo(WEIGHTS.replace("seed-1", f"seed-{number}"))
            info.file_size, info.compress_size, info.CRC = first.file_size, first.compress_size, first.CRC
            info.header_offset = first.header_offset
            archive.filelist.append(info)
    with pytest.raises(SignfoldError, match=r"its entries say they have \d+ bytes; the file has"):
        read_archive(tmp_path / "a")


def test_too_many_entries(tmp_path: Path) -> None:
    def add(archive: zipfile.ZipFile) -> None:
        for number in range(5000):
            archive.writestr(WEIGHTS.replace("seed-1", f"seed-{number + 2}"), b"")

    with pytest.raises(SignfoldError, match="it has 5003 entries, expected 5000 at most"):
        read_archive(rewritten(tmp_path / "a", add))


def listed(**changes: Any) -> dict[str, Any]:
    """The list of files, with changes."""
    from hashlib import sha256

    files = {name: {"bytes": len(data), "sha256": sha256(data).hexdigest()} for name, data in ENTRIES.items()}
    return {"files": {key: value for key, value in (files | changes).items() if value is not None}}


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (listed(**{WEIGHTS: {"bytes": 10240, "sha256": "0" * 64}}), "its digest differs"),
        (listed(**{WEIGHTS: {"bytes": 1, "sha256": "0" * 64}}), "its digest differs"),
        (listed(**{WEIGHTS: "abc"}), "its digest differs"),
        (listed(**{WEIGHTS: None}), "does not list the entry 'weights/all/seed-1/joint"),
        (listed(**{MORE: {}}), "it lacks the entry 'weights/all/seed-2/joint"),
        ({"files": None}, "has no list of files"),
        ({"files": []}, "has no list of files"),
    ],
)
def test_a_list_of_files_that_is_not_of_these(tmp_path: Path, header: dict[str, Any], said: str) -> None:
    with pytest.raises(SignfoldError, match=said):
        read_archive(rewritten(tmp_path / "a", lambda archive: None, **header))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b'{"a": 1, "a": 2}', "a name stands twice"),
        (b"[1]", "holds a list, expected an object"),
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"", "is not JSON"),
    ],
)
def test_a_header_that_is_no_object(tmp_path: Path, text: bytes, said: str) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr(HEADER, text)
    with pytest.raises(SignfoldError, match=said):
        read_archive(tmp_path / "a")


class Evil:
    """Writes a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("unpickled",)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x05\x06" + bytes(18), pickle.dumps(Evil())])
def test_other_files(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(SignfoldError, match=rf"^{tmp_path}/a: damaged, or no bundle of signfold: "):
        read_archive(tmp_path / "a")
    assert names(tmp_path) == ["a"]


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SignfoldError, match="no such file; give a bundle"):
        read_archive(tmp_path / "a")
    with pytest.raises(SignfoldError, match="cannot be read"):
        read_archive(tmp_path)


def test_a_file_that_breaks_off(tmp_path: Path) -> None:
    content = written(tmp_path / "a").read_bytes()
    for length in (*range(0, len(content), 97), len(content) - 1):
        (tmp_path / "a").write_bytes(content[:length])
        with pytest.raises(SignfoldError, match="damaged, or no bundle of signfold"):
            read_archive(tmp_path / "a")


@settings(max_examples=300)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_changes_nothing_or_is_an_error(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped"
    content = bytearray(written(path).read_bytes())
    content[place % len(content)] ^= 1 << bit
    path.write_bytes(content)
    try:
        header, entries = read_archive(path)
    except SignfoldError:
        return
    assert (header, entries) == ({"name": "mine"}, ENTRIES)
