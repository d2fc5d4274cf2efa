"""Evaluation: out-of-fold predictions pooled over folds, with intervals over signers, calibration and comparisons.

`evaluate.evaluate` pools and scores, `baselines.run_baselines` and `shuffled.run_shuffled` are what it is held
against, `compare.compare` takes two results, and `intervals.GroupIntervals` gives the intervals.
"""
