"""Pictures of a clip with its skeleton: contact sheets and films."""

from signfold.visual.contact_sheet import ClipView, film, sheet
from signfold.visual.load_clip import clip_of_results, clip_of_video, write_view

__all__ = ["ClipView", "clip_of_results", "clip_of_video", "film", "sheet", "write_view"]
