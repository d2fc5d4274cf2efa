"""Signer-wise folds: near-duplicate search, roles (train, val, test), leak audit, and the pre-training split.

`names.fold_names` is light, for the Snakefile; `duplicates.find_duplicates`, `build.build_fold` and
`leakage.audit_folds` are the stages, and `roles.read_fold` is how training and evaluation read a fold.
"""
