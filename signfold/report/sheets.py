"""Contact sheets of clips, as pictures inside the page."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

from signfold.core.errors import SignfoldError

# One row of frames: enough to see whether a hand is there at all, and about 80 kB a clip.
TILES, WIDTH = 6, 1100


def sheets(results: Path, sample_ids: Iterable[str]) -> list[tuple[str, str]]:
    """Return (sample id, data URI) of a contact sheet of each clip whose keypoints are there.

    Parameters
    ----------
    results
        `results/{dataset}`.
    sample_ids
        Which clips. Without its video, a clip is drawn on an empty ground.
    """
    if not any(results.glob("keypoints/*.videos.parquet")):
        return []
    from signfold.visual.contact_sheet import sheet
    from signfold.visual.load_clip import clip_of_results, encoded

    found = []
    for sample_id in sample_ids:
        try:
            clip = clip_of_results(sample_id, results)
        except SignfoldError:
            continue
        if len(clip):
            content = encoded(sheet(clip, TILES, WIDTH), ".jpg", quality=75)
            found.append((sample_id, f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"))
    return found
