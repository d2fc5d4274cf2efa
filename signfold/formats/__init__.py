"""Keypoints of other tools: NumPy arrays and Kaggle's Parquet are read, `.pose` files read and written."""

from signfold.formats import kaggle, numpy_arrays, pose

__all__ = ["kaggle", "numpy_arrays", "pose"]
