"""Evaluation: out-of-fold predictions pooled over folds, with intervals over signers, calibration and comparisons."""
