"""The files below a folder: regular ones, and what else is there, with the reason why it is left out.

Nothing is opened here: a named pipe would hang, and the Snakefile lists 40,000 files in every job.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from signfold.core.errors import SignfoldError

KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
# How texts begin that name other files, and that FFmpeg would open: lists of HLS, concat, SDP, DASH, SMIL, ASX, PLS.
_PLAYLIST = re.compile(
    rb"\s*(#EXTM3U|ffconcat|\[playlist\]|<\?xml|<asx|<smil)|(\A|.*?[\r\n])[a-z]=[^\r\n]*[\r\n]+[a-z]=|.*<MPD",
    re.DOTALL | re.IGNORECASE,
)
_HEAD = 4096


@dataclass
class Listing:
    """What is below a folder: `files` as paths below it, sorted folder by folder, and (path, reason) of `refused`."""

    files: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def list_files(root: str | Path) -> Listing:
    """List the regular files below a folder; hidden ones are left out, and links are followed once.

    Raises
    ------
    SignfoldError
        If the folder itself cannot be read.
    """
    found, seen = Listing(), set()
    folders = [""]
    while folders:
        below = folders.pop()
        path = os.path.join(root, below) if below else os.fspath(root)
        try:
            status = os.stat(path)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(path) as entries:
                visible = sorted((entry for entry in entries if not entry.name.startswith(".")), key=_name)
        except OSError as error:
            if not below:
                raise SignfoldError(f"{root}: the folder cannot be read ({error.strerror}); make it readable") from None
            found.refused.append((below, f"the folder cannot be read ({error.strerror})"))
            continue
        folders += reversed(_sort_out(visible, f"{below}{os.sep}" if below else "", found))
    return found


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _sort_out(entries: list[os.DirEntry[str]], prefix: str, found: Listing) -> list[str]:
    """Add a folder's entries to what was found; return its subfolders."""
    subfolders = []
    for entry in entries:
        try:
            if entry.is_file():
                found.files.append(prefix + entry.name)
            elif entry.is_dir():
                subfolders.append(prefix + entry.name)
            else:
                found.refused.append((prefix + entry.name, _kind(entry)))
        except OSError as error:
            found.refused.append((prefix + entry.name, f"it cannot be looked at ({error.strerror})"))
    return subfolders


def _kind(entry: os.DirEntry[str]) -> str:
    try:
        mode = stat.S_IFMT(entry.stat().st_mode)
    except FileNotFoundError:
        return "a link that leads nowhere" if entry.is_symlink() else "it has gone"
    return f"{KINDS.get(mode, 'something else')}, not a regular file"


def files_below(root: str | Path) -> list[str]:
    """Return the regular files below a folder, as paths below it."""
    return list_files(root).files


def text_in_place_of_video(path: str | Path) -> str | None:
    """Return why a file is a text, such as a playlist, which would open other files; None if it may be a video.

    Parameters
    ----------
    path
        A regular file; its first 4,096 bytes are read.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with open(path, "rb") as stream:
        head = stream.read(_HEAD)
    text = head.split(b"\0", 1)[0]
    if not text or not (_PLAYLIST.match(text) or (text == head and _is_plain(head))):
        return None
    if text.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the video itself; run `git lfs pull`"
    begins = text.decode("utf-8", "backslashreplace").strip().splitlines()[:1]
    return f"a text file, such as a playlist, not a video; rename or remove it (it begins {(begins or [''])[0][:40]!r})"


def _is_plain(head: bytes) -> bool:
    """Tell whether bytes are a text; the last character may be cut."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(letter.isprintable() or letter.isspace() for letter in text)
