"""The version of each stage's output. Bump one when that output changes its meaning: only then is it built anew.

They stand apart from the stages because the Snakefile, which is read in every job, imports them.
"""

INDEX = 1
KEYPOINTS = 1
TENSORS = 1
MANIFEST = 1
FOLDS = 1
TRAIN = 1
EVALUATE = 1
REPORT = 1
