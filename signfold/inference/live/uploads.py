"""An uploaded clip: kept in a file without a name while a process of its own looks at it."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from signfold.core.clip import Extraction, empty_keypoints
from signfold.inference.live.frames import drawable
from signfold.inference.live.limits import MOST_CLIP_BYTES, MOST_CLIP_SECONDS, MOST_UPLOAD_SECONDS
from signfold.inference.model import Model
from signfold.keypoints.cache import CRASHED
from signfold.keypoints.holistic import Holistic
from signfold.keypoints.isolated import Isolated


class TooLarge(Exception):
    """A clip of more bytes than `MOST_CLIP_BYTES`."""


async def answer_to_clip(content: AsyncIterator[bytes], model: Model, extractor: Holistic) -> dict[str, Any]:
    """Return which sign is in a clip, and its skeletons.

    Parameters
    ----------
    content
        The file, in pieces.
    model
        What tells the sign.
    extractor
        How keypoints are found; no more than `MOST_CLIP_SECONDS` are looked at.

    Raises
    ------
    TooLarge
        If the file is larger than may be.
    TimeoutError
        If it has not arrived after `MOST_UPLOAD_SECONDS`.
    """
    # Without a name, it is gone when this process is, whatever ends it.
    with tempfile.TemporaryFile() as file:
        size = 0
        async with asyncio.timeout(MOST_UPLOAD_SECONDS):
            async for piece in content:
                size += len(piece)
                if size > MOST_CLIP_BYTES:
                    raise TooLarge
                file.write(piece)
        file.flush()
        found = await _extracted(Path(f"/proc/{os.getpid()}/fd/{file.fileno()}"), extractor)
    prediction = await asyncio.to_thread(model.answer, found)
    clip = found.keypoints
    skeletons = [{"at": at - clip.timestamps_ms[0], **drawable(clip, n)} for n, at in enumerate(clip.timestamps_ms)]
    return {**asdict(prediction), "width": clip.width, "height": clip.height, "skeletons": skeletons}


async def _extracted(path: Path, extractor: Holistic) -> Extraction:
    """Extract keypoints in a process that is ended when it takes too long."""
    limited = replace(extractor, max_seconds=min(extractor.max_seconds, MOST_CLIP_SECONDS))
    with Isolated(limited) as isolated:
        work = asyncio.ensure_future(asyncio.to_thread(isolated.extract, path))
        done, _ = await asyncio.wait([work], timeout=MOST_UPLOAD_SECONDS)
        isolated.close()
        found = await work
    if done:
        return found
    return Extraction(empty_keypoints(), CRASHED, f"not done after {MOST_UPLOAD_SECONDS:g} seconds; cut the clip")
