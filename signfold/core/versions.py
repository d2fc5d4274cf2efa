"""The version of each stage's output. Bump one when that output changes its meaning: only then is it built anew.

They stand apart from the stages because the Snakefile, which is read in every job, imports them.
"""

INDEX = 2
# Which pictures the same settings of the demo draw.
SYNTH = 2
KEYPOINTS = 2
# What the extractor finds; also part of the key of cache entries.
EXTRACTOR = 3
# Which keypoints come of the same imported files.
IMPORT = 2
TENSORS = 3
MANIFEST = 2
DUPLICATES = 3
FOLDS = 3
TRAIN = 4
# What each kind of network computes from its weights: those of another version are refused.
NETWORK = {"aagcn": 1, "light": 2, "conv": 1}
BASELINES = 3
EVALUATE = 9
REPORT = 13
PREDICT = 1


def training(network: str) -> list[int]:
    """Return the versions that a training of this kind of network depends on."""
    return [TRAIN, NETWORK[network]]


def installed() -> dict[str, str]:
    """Return the versions of what computes the results: Python, signfold and the libraries that matter."""
    import platform
    from importlib.metadata import version

    from signfold import __version__

    names = ("mediapipe", "opencv-python-headless", "numpy", "scipy", "scikit-learn", "torch", "snakemake")
    # signfold itself may be a checkout on PYTHONPATH, which is not installed.
    return {"python": platform.python_version(), "signfold": __version__, **{name: version(name) for name in names}}
