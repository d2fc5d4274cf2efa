"""Keypoints to tensors: hands, imputation, normalisation, channels, resampling and streams; and shards of tensors."""
