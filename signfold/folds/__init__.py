"""Signer-wise folds: near-duplicate search, roles (train, val, test), leak audit, and the pre-training split."""
