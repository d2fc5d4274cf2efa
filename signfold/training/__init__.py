"""Training of one network on one fold: batches, augmentation, optimiser, checkpoints, transfer, outputs.

`train(task, paths, threads)` in `signfold.training.train` runs a `TrainingTask` on the files of `TrainingPaths`.
"""
