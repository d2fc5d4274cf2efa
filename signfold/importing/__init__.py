"""Keypoints that others extracted, read into signfold's own files.

`sources` says which clips lie in a folder (standard library only: the Snakefile imports it); `arrays`, `kaggle` and
`posefile` read one clip each; `shard` writes what the rest of the workflow reads.
"""
