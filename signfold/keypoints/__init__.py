"""Videos to keypoints: MediaPipe Holistic, one video at a time, through a cache; keypoints imported and exported.

The names handed on load no MediaPipe; `signfold.keypoints.extract` and `signfold.keypoints.holistic` do.
"""

from signfold.keypoints.cache import Cache, file_digest

__all__ = ["Cache", "file_digest"]
