"""Training of one network on one fold: batches, augmentation, optimiser, checkpoints, transfer and outputs."""
