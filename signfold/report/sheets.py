"""Contact sheets of clips, as pictures inside the page."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from signfold.core.errors import SignfoldError
from signfold.report.results import Results

# One row of frames: enough to see whether a hand is there at all, and about 80 kB a clip.
TILES, WIDTH = 6, 1100


@dataclass(frozen=True)
class Sheet:
    """A contact sheet inside the page.

    Parameters
    ----------
    sample_id
        Sample id of the clip.
    source
        Data URI of a JPEG.
    has_frames
        Whether it shows frames of the video, and so people's faces; else skeletons on an empty ground.
    """

    sample_id: str
    source: str
    has_frames: bool


def sheets(results: Results, sample_ids: Iterable[str]) -> list[Sheet]:
    """Return a contact sheet of each clip whose keypoints are there.

    Parameters
    ----------
    results
        Results of the dataset; without its `pictures`, every clip is drawn on an empty ground.
    sample_ids
        Sample ids of the clips. Without its video, a clip is drawn on an empty ground.
    """
    if not any(results.root.glob("keypoints/*.videos.parquet")):
        return []
    from signfold.visual.contact_sheet import sheet
    from signfold.visual.load_clip import clip_of_results, encoded

    found = []
    for sample_id in sample_ids:
        try:
            clip = clip_of_results(sample_id, results.root)
        except SignfoldError:
            continue
        if not results.pictures:
            clip = replace(clip, path=None)
        if len(clip):
            content = base64.b64encode(encoded(sheet(clip, TILES, WIDTH), ".jpg", quality=75)).decode()
            found.append(Sheet(sample_id, f"data:image/jpeg;base64,{content}", clip.has_pictures))
    return found


def with_faces(shown: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the names of the sections that show frames of videos, and so people's faces."""
    return [name for name, section in shown.items() if any(one.has_frames for one in section.get("sheets", ()))]
