# What the rules share: the checked configuration, and what a dataset consists of. Nothing heavy is imported here.

import functools
import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The library stands beside the Snakefile; scripts find it through the environment, in a conda environment too.
HOME = Path(workflow.basedir)
sys.path.insert(0, str(HOME))
os.environ.update(PYTHONPATH=str(HOME))

from signfold.config import load as configuration
from signfold.config import pretrain_source
from signfold.core import devices, results, versions
from signfold.core.errors import SignfoldError
from signfold.core.settings import FoldSettings
from signfold.dataset import index, keypoint_files
from signfold.folds import names


def explained(function):
    """Turn an error that a user can mend into Snakemake's own, which is shown without a traceback."""

    @functools.wraps(function)
    def call(*arguments):
        try:
            return function(*arguments)
        except SignfoldError as error:
            raise WorkflowError(str(error)) from None

    return call


# As many trainings run at a time on this machine as it has GPUs; where a cluster runs them, the profile asks for one each.
GPUS = devices.count() if workflow.local_exec else 0
if GPUS and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", GPUS)

TYPED = configuration.typed(workflow.config_settings.config)
config.update(configuration.merged(config, TYPED))
explained(configuration.check_config)(config)


@functools.cache
@explained
def dataset_of(name):
    """How a dataset is read."""
    return configuration.dataset_of(config, name)


@functools.cache
@explained
def index_of(name):
    """The index of a dataset: read once in a process, from file names and label tables alone."""
    return index.read_index(dataset_of(name))


@functools.cache
def settings_of(name):
    """The settings that hold for a dataset."""
    return configuration.dataset_settings(config, name, TYPED)


def settings(*keys):
    """An input function for params: the named settings of the wildcards' dataset, and no others."""

    def of(wildcards):
        found = settings_of(wildcards.dataset)
        return found[keys[0]] if len(keys) == 1 else {key: found[key] for key in keys}

    return of


def training_version(wildcards):
    """Return the versions of training and of the kind of network that is trained."""
    return versions.training(settings("model")(wildcards)["network"])


@functools.cache
def by_shard(name):
    """The samples of a dataset by their shards' names."""
    return index.by_shard(index_of(name), settings_of(name)["shards"])


@explained
def samples_of(wildcards):
    """The samples of the wildcards' shard."""
    shards = by_shard(wildcards.dataset)
    if wildcards.shard not in shards:
        there = ", ".join(list(shards)[:10]) + (", ..." if len(shards) > 10 else "")
        raise SignfoldError(f"{wildcards.dataset} has no clips in a shard {wildcards.shard!r}; it has shards {there}")
    return shards[wildcards.shard]


def growing(amount):
    """A resource that doubles with every attempt: what ran out of memory or time gets more when it is tried again."""

    def of(wildcards, attempt):
        return amount * 2 ** (attempt - 1)

    return of


def shard_files(pattern):
    """An input function: `pattern` for every shard of the wildcards' dataset."""

    def of(wildcards):
        return expand(pattern, dataset=wildcards.dataset, shard=list(by_shard(wildcards.dataset)))

    return of


def largest_first(wildcards):
    """A priority below all other rules': what was extracted goes on at once, and shards with many videos begin first.

    Shards in any order would leave some worker alone with a large one at the end.
    """
    return len(samples_of(wildcards)) - len(index_of(wildcards.dataset).samples)


@explained
def shard_state(wildcards):
    """Which videos a shard has and when they were modified: what decides whether it is extracted again."""
    return index.fingerprint(samples_of(wildcards), dataset_of(wildcards.dataset))


def index_state(wildcards):
    """All that the index says: what decides whether it is written again."""
    found = index_of(wildcards.dataset)
    return index.index_digest(found, *index.COLUMNS, excluded=True)


def class_state(wildcards):
    """What of the index decides what is learnt: a changed gloss is not among it, so that it does not train again."""
    return index.index_digest(index_of(wildcards.dataset), "sample_id", "label", "signer", "split")


@functools.cache
@explained
def fold_names(name):
    """The names of a dataset's folds, from its signers."""
    settings = FoldSettings(**settings_of(name)["folds"])
    signers = [sample.signer for sample in index_of(name).samples]
    names.check_splittable(signers, (sample.split for sample in index_of(name).samples), settings)
    return names.fold_names(names.count_groups(signers, settings), settings)


def fold_files(pattern):
    """An input function: `pattern` for every fold of the wildcards' dataset, and for every stream if it has one."""

    def of(wildcards):
        streams = settings_of(wildcards.dataset)["streams"]
        return expand(
            pattern,
            dataset=wildcards.dataset,
            fold=fold_names(wildcards.dataset),
            stream=streams,
        )

    return of


@functools.cache
@explained
def start_of(name):
    """Where a dataset's networks start from."""
    return pretrain_source.pretrain_settings(config, name, TYPED)


# Now: Snakemake drops what an input function raises where a later file, such as the report, already exists. Of datasets
# that nobody asked for, what is said of all need not fit.
for name, about in config["datasets"].items():
    if name == config["dataset"] or "pretrain" in about.get("settings", {}):
        start_of(name)


def initial_weights(wildcards):
    """What a network starts from, if not from random weights."""
    number = int(wildcards.get("number", 1))
    return pretrain_source.initial_weights(start_of(wildcards.dataset), *wildcards[:3], number) or []


def model_files(name):
    """An input function: the file `name` of all networks of the wildcards' dataset."""

    def of(wildcards):
        seeds = range(1, settings_of(wildcards.dataset)["seeds"] + 1)
        folders = [fold_files(results.model_folder("{dataset}", "{fold}", "{stream}", number)) for number in seeds]
        return [f"{folder}/{name}" for of_seed in folders for folder in of_seed(wildcards)]

    return of


def new_videos(wildcards):
    """The folder to predict, by its files and when they were modified: a video that is added is predicted."""
    if not config["predict"]:
        raise WorkflowError("predict: no videos; give their folder: --config predict=FOLDER")
    folder = Path(config["predict"])
    return {str(folder): [(name, (folder / name).stat().st_mtime) for name in index.files_below(folder)]}


def command(wildcards):
    """What makes the report again."""
    own = [os.path.relpath(file) for file in workflow.config_settings.configfiles]
    given = " ".join(["--configfile", *own, "--"]) if own else ""
    return " ".join(filter(None, ["snakemake --cores all", given, f"results/{wildcards.dataset}/report.html"]))


def rendered(wildcards):
    """The demo's rendered clips, where the dataset is synthetic."""
    if "synth" in dataset_of(wildcards.dataset):
        return f"results/{wildcards.dataset}/videos/truth.parquet"
    return []


def datasets_that(are_imported):
    """A pattern of the datasets whose keypoints are imported, or of the others, whose keypoints are extracted."""
    chosen = [name for name in config["datasets"] if ("keypoints" in dataset_of(name)) == are_imported]
    # A pattern without datasets matches nothing.
    return "|".join(map(re.escape, chosen)) or "(?!)"


wildcard_constraints:
    dataset="|".join(map(re.escape, config["datasets"])),
    shard="[0-9a-f]+",
    fold=r"fold-[0-9]+|official",
    number="[1-9][0-9]*",
    stream="joint|bone|joint_motion|bone_motion",
