"""Keypoints to tensors: trimmed, imputed, normalised and resampled, float32 (N, C, T, V) with NaN where missing."""

from signfold.tensors.build import build_tensors, clip_tensor
from signfold.tensors.shards import Shards

__all__ = ["Shards", "build_tensors", "clip_tensor"]
