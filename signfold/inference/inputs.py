"""What is to be recognised: the videos and keypoint files among files and folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from signfold.core.errors import SignfoldError, UnreadableFile
from signfold.dataset.index import VIDEO_SUFFIXES
from signfold.dataset.keypoint_files import SUFFIXES, ImportSettings, clips_in, units
from signfold.dataset.listing import list_files

FORMATS = {suffix: name for name, suffix in SUFFIXES.items()}


@dataclass(frozen=True)
class Clip:
    """A clip to recognise.

    Parameters
    ----------
    name
        Its path; of a file of many clips, with the number of the clip behind it.
    path
        The file, or the folder of a clip's frames.
    settings
        How its keypoints are read; None for a video.
    """

    name: str
    path: Path
    settings: ImportSettings | None = None


@dataclass
class Inputs:
    """What was found among files and folders.

    Parameters
    ----------
    clips
        Videos and clips of keypoint files.
    refused
        (name, reason) of what is no regular file, such as a dead link, or no array of keypoints.
    others
        Files that are neither videos nor keypoints.
    """

    clips: list[Clip] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def find_inputs(paths: Sequence[Path], reading: ImportSettings) -> Inputs:
    """Return what is to be recognised.

    Parameters
    ----------
    paths
        Files and folders.
    reading
        Size of the picture, frame rate and order of the values of keypoint files, whatever their format.

    Raises
    ------
    SignfoldError
        If there is nothing to recognise.
    """
    found = Inputs()
    for path in paths:
        if path.is_dir():
            listed = list_files(path)
            found.refused += [(str(path / name), reason) for name, reason in listed.refused]
            _sort_out(found, path, listed.files, reading)
        elif path.is_file():
            _sort_out(found, path.parent, [path.name], reading)
        else:
            found.refused.append((str(path), "not a regular file" if path.exists() else "no such file"))
    if not found.clips and not found.refused:
        raise SignfoldError(
            f"{', '.join(map(str, paths))}: no videos ({' '.join(sorted(VIDEO_SUFFIXES))}) and no keypoints "
            f"({' '.join(sorted(FORMATS))})"
        )
    return found


def _sort_out(found: Inputs, root: Path, names: list[str], reading: ImportSettings) -> None:
    """Add the files of some names below a folder to what was found."""
    by_suffix: dict[str, list[str]] = {}
    for name in names:
        by_suffix.setdefault(Path(name).suffix.lower(), []).append(name)
    for suffix, own in by_suffix.items():
        if suffix in VIDEO_SUFFIXES:
            found.clips += [Clip(str(root / name), root / name) for name in own]
        elif suffix in FORMATS:
            _add_keypoints(found, root, own, replace(reading, format=FORMATS[suffix]))
        else:
            found.others += [str(root / name) for name in own]


def _add_keypoints(found: Inputs, root: Path, names: list[str], settings: ImportSettings) -> None:
    """Add the clips in keypoint files of one format."""
    for name, relative in units(root, names, settings).items():
        path = root / relative
        try:
            found.clips += [Clip(f"{root / name}{number}", path, settings) for number in clips_in(path, settings)]
        except (UnreadableFile, OSError) as error:
            found.refused.append((str(path), str(error)))
