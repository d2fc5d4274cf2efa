"""Keypoints that other tools extracted: MediaPipe arrays, Kaggle's Parquet and `.pose` files, read and written."""
