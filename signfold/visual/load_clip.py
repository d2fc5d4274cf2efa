"""`signfold view`: a clip with its keypoints, from a video or a results folder, written as film or contact sheet."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from signfold.core import files
from signfold.core.clip import read_shard
from signfold.core.errors import SignfoldError
from signfold.core.results import ResultsFolder, frames_of
from signfold.core.settings import TensorSettings, settings_of_file
from signfold.keypoints.cache import Cache, file_digest
from signfold.visual.contact_sheet import ClipView, Picture, film, sheet

IMAGES, FILMS = (".png", ".jpg", ".jpeg"), (".mp4",)


def clip_of_video(path: Path, cache: Path) -> ClipView:
    """Return a video with its keypoints: from the cache if they are there, else extracted now.

    Parameters
    ----------
    path
        Path of the video.
    cache
        Folder of the cache; where there is none, none is made.

    Raises
    ------
    SignfoldError
        If the file is not there.
    """
    if not path.is_file():
        raise SignfoldError(f"{path}: no such video; give a file, or a sample id with --results")
    # Here, because the report loads this module for its sheets, and needs no MediaPipe.
    from signfold.keypoints.holistic import Holistic

    extractor = Holistic()
    found = (
        Cache(cache).extraction(path, file_digest(path)[0], extractor) if cache.is_dir() else extractor.extract(path)
    )
    return ClipView(path.name, path, found, TensorSettings())


def clip_of_results(name: str, results: Path) -> ClipView:
    """Return a clip of a dataset with its keypoints, and the imputation of its tensors.

    Parameters
    ----------
    name
        Sample id, or path of a video file with the same content as a sample.
    results
        Folder `results/{dataset}`.

    Raises
    ------
    SignfoldError
        If the dataset has no such sample, or no keypoints of it yet.
    """
    table = files.read_parquet(results / "index.parquet", ["sample_id", "path"])
    index = {row["sample_id"]: row["path"] for row in table.to_pylist()}
    is_file = name not in index and Path(name).is_file()
    key, wanted = ("sha256", file_digest(name)[0]) if is_file else ("sample_id", name)
    for shard in ResultsFolder(results).shard_files("keypoints", ".videos.parquet"):
        # Only the shard with the clip is read with its frames.
        names = [
            row["sample_id"]
            for row in files.read_parquet(shard, ["sample_id", "sha256"]).to_pylist()
            if row[key] == wanted
        ]
        if sample_id := next((found for found in names if found in index), None):
            path = Path(name if is_file else index[name])
            (clip,) = (clip for clip in read_shard(frames_of(shard), shard) if clip.sample_id == sample_id)
            return ClipView(sample_id, path, clip.found, _settings(results))
    raise SignfoldError(f"{results}: no keypoints of {name!r}; give a sample id of its index, or leave --results out")


def _settings(results: Path) -> TensorSettings:
    """Return the options of the dataset's tensors, or the defaults where there are no tensors yet."""
    for shard in ResultsFolder(results).shard_files("tensors", ".parquet"):
        return settings_of_file(TensorSettings, files.read_metadata(shard).get("settings"), shard)
    return TensorSettings()


def check_ending(out: Path | None) -> None:
    """Raise an error for a picture or film of a kind that is not written, before the work."""
    if out is not None and out.suffix.lower() not in IMAGES + FILMS:
        raise SignfoldError(f"{out}: ends in {out.suffix or 'nothing'}; give one of {', '.join(FILMS + IMAGES)}")


def write_view(clip: ClipView, out: Path) -> None:
    """Write a clip as a film or a contact sheet, by the ending of `out`.

    Parameters
    ----------
    clip
        Clip to draw.
    out
        Path to write. .png, .jpg: a contact sheet. .mp4: a film of MPEG-4 part 2 at the clip's mean frame rate.

    Raises
    ------
    SignfoldError
        If the ending is another, or the clip has no frames.
    """
    check_ending(out)
    if not len(clip):
        raise SignfoldError(f"{clip.name}: nothing to show; {clip.found.status}: {clip.found.error}")
    with files.atomic_write(out) as temporary:
        # OpenCV chooses the format by the ending, which the temporary name lacks.
        named = temporary.with_name(temporary.name + out.suffix.lower())
        try:
            _write_film(clip, named) if out.suffix.lower() in FILMS else _write_image(clip, named)
            named.replace(temporary)
        finally:
            named.unlink(missing_ok=True)


def _write_image(clip: ClipView, path: Path) -> None:
    path.write_bytes(encoded(sheet(clip), path.suffix))


def encoded(picture: Picture, suffix: str, quality: int = 92) -> bytes:
    """Return an RGB picture encoded in the format of a file name's ending; `quality` is JPEG's, 0 to 100."""
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    # OpenCV warns about options that a format lacks.
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix in (".jpg", ".jpeg") else []
    done, content = cv2.imencode(suffix, bgr, options)
    if not done:
        raise SignfoldError(f"{suffix}: OpenCV cannot write this format; choose .png")
    return content.tobytes()


def _write_film(clip: ClipView, path: Path) -> None:
    times = clip.found.keypoints.timestamps_ms
    span = (times[-1] - times[0]) / 1000
    fps = float(np.clip((len(times) - 1) / span, 1, 240)) if span > 0 else clip.found.keypoints.fps or 25.0
    writer = None
    try:
        for picture in film(clip):
            if writer is None:
                size = picture.shape[1], picture.shape[0]
                writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
                if not writer.isOpened():
                    raise SignfoldError(f"{path}: OpenCV cannot write MPEG-4 here; give a .png instead")
            writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    finally:
        if writer is not None:
            writer.release()
