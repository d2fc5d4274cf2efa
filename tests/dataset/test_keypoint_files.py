"""Headers of hostile or damaged arrays: refused with a reason, at once, and listed."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from signfold.core.errors import SignfoldError, UnreadableFile
from signfold.dataset import index
from signfold.dataset.keypoint_files import ImportSettings, clips_in


def npy(header: str, version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode()


def about(shape: str, kind: str = "<f4") -> str:
    return f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}"


HOSTILE = {
    "a thousand million clips": (npy(about("(1000000000, 1, 258)")), "the header promises 1032000000000 bytes"),
    "as many clips of nothing": (npy(about("(1000000000, 0, 258)")), "1000000000 clips of 0 frames"),
    "no clips": (npy(about("(0, 30, 258)")), "0 clips of 30 frames"),
    "a negative axis": (npy(about("(-1, 30, 258)")), r"a damaged NumPy header \(shape \(-1, 30, 258\)\)"),
    "fifty thousand dashes": (npy("-" * 50_000), "50000 bytes long; expected 10000"),
    "nine thousand dashes": (npy("-" * 9_000), "a damaged NumPy header"),
    "a header of 400 MB": (npy(" ", 2)[:8] + struct.pack("<I", 400_000_000), "400000000 bytes long"),
    "an infinite axis": (npy(about("(1e999, 258)")), "a damaged NumPy header"),
    "cut off": (npy(about("(30, 258)")) + bytes(1000), "the header promises 30960 bytes"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_header_that_lies_is_refused_and_listed(tmp_path: Path, case: str) -> None:
    content, reason = HOSTILE[case]
    (tmp_path / "hello").mkdir()
    (tmp_path / "hello" / "bad.npy").write_bytes(content)
    np.save(tmp_path / "hello" / "good.npy", np.zeros((30, 258), np.float32))
    found = index.read_index({"root": str(tmp_path), "keypoints": "npy", "match": "(?P<label>[^/]+)/[^/]+$"})
    assert [sample.sample_id for sample in found.samples] == ["hello/good"]
    ((path, told),) = found.excluded
    with pytest.raises(UnreadableFile, match=reason):
        raise UnreadableFile(told)
    assert path.endswith("bad.npy")


def test_a_zipped_header_is_bounded_too(tmp_path: Path) -> None:
    def archive(name: str, content: bytes, kind: int = zipfile.ZIP_DEFLATED) -> Path:
        with zipfile.ZipFile(tmp_path / name, "w", kind) as file:
            file.writestr("keypoints.npy", content)
        return tmp_path / name

    with pytest.raises(UnreadableFile, match="4000000 bytes long"):
        clips_in(
            archive("a.npz", npy(" ", 2)[:8] + struct.pack("<I", 4_000_000) + b" " * 4_000_000), ImportSettings("npz")
        )
    with pytest.raises(UnreadableFile, match="the header promises"):
        clips_in(archive("b.npz", npy(about("(1000000, 9, 258)"))), ImportSettings("npz"))
    with pytest.raises(UnreadableFile, match="not compressed as NumPy does"):
        clips_in(archive("c.npz", npy(about("(1, 258)")), zipfile.ZIP_BZIP2), ImportSettings("npz"))
    stream = io.BytesIO()
    np.save(stream, np.zeros((2, 30, 258), np.float32))
    assert clips_in(archive("d.npz", stream.getvalue()), ImportSettings("npz")) == ["/0", "/1"]


def test_a_file_without_permission_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.npy").write_bytes(b"")

    def refusing(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refusing)
    with pytest.raises(SignfoldError, match=r"cannot be read \(Permission denied\)"):
        clips_in(tmp_path / "a.npy", ImportSettings("npy"))
