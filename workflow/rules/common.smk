# Adapts the library to Snakemake: input functions and params, a line or two each. `signfold.config.project` has the logic.

import functools
import os
import re
import sys
from pathlib import Path

# The library stands beside the Snakefile; scripts find it through the environment, in a conda environment too.
sys.path.insert(0, str(workflow.basedir))
os.environ.update(PYTHONPATH=str(workflow.basedir))
# glibc keeps the memory of large arrays for the next ones, in the scripts: without page faults, large networks predict 15 to
# 25 % faster (docs/experiments.md). Read when a process starts; versions before 2.35 allow 32 MB at most.
os.environ.update(MALLOC_TRIM_THRESHOLD_="2147483647", MALLOC_MMAP_THRESHOLD_="33554432")

from snakemake.io import IOFile

from signfold.config.load import resolved
from signfold.config.lost_records import check_unrecorded
from signfold.config.overview import introduction
from signfold.config.project import Project
from signfold.config.targets import wanted
from signfold.core import devices, versions
from signfold.core.errors import SignfoldError


def explained(function):
    """Let a SignfoldError end Snakemake, with its message last and alone: Snakemake would add a traceback."""

    @functools.wraps(function)
    def call(*arguments):
        try:
            return function(*arguments)
        except SignfoldError as error:
            sys.exit(f"signfold: {error}")

    return call


config.update(explained(resolved)(config, workflow.config_settings.config))
project = Project(config)
# At once: Snakemake drops what an input function raises where a later file, such as the report, already exists.
explained(project.check_pretraining)()


@functools.cache
def introduce():
    """Say what the run is about, in the first input function: targets are not known while the Snakefile is read."""
    if workflow.is_main_process:  # jobs, which read the Snakefile too, are no news
        if workflow.execution_settings:  # not for --rulegraph and --dag, which run nothing
            # How often a job is tried: for it and all below it, since Snakemake tells each job that there are no retries.
            os.environ.update(SIGNFOLD_TRIES=str(workflow.execution_settings.retries + 1))
        given, dag = workflow.config_settings.overwrite_config, workflow.dag_settings
        for line in introduction(project, given, dag.targets, dag.until):
            print(line, file=sys.stderr)
        if not (dag.forceall or dag.forcerun):
            for name in wanted(project, dag.targets):
                check_unrecorded(project[name], lambda file: workflow.persistence.metadata(IOFile(file)) is not None)


def dataset_of(wildcards):
    """Return the wildcards' dataset."""
    introduce()
    return project[wildcards.dataset]


# As many trainings run at a time on this machine as it has GPUs; where a cluster runs them, the profile asks for one each.
GPUS = devices.count_devices() if workflow.local_exec else 0
if GPUS and "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", GPUS)


def of_dataset(answer):
    """An input function or param: what `answer` says of the wildcards' dataset."""
    return explained(lambda wildcards: answer(dataset_of(wildcards)))


def settings(key):
    """A param: a section or number of the settings of the wildcards' dataset, and no others."""
    return of_dataset(lambda dataset: dataset.section(key))


def of_shard(answer):
    """A param: what `answer` says of the wildcards' dataset and shard."""
    return explained(lambda wildcards: answer(dataset_of(wildcards), wildcards.shard))


def growing(amount):
    """A resource that doubles with every attempt: what ran out of memory or time gets more when it is tried again."""
    return lambda wildcards, attempt: amount * 2 ** (attempt - 1)


def shard_files(pattern):
    """An input function: `pattern` for every shard of the wildcards' dataset."""
    return of_dataset(lambda dataset: expand(pattern, dataset=dataset.name, shard=list(dataset.shards)))


def fold_files(pattern):
    """An input function: `pattern` for every fold of the wildcards' dataset."""
    return of_dataset(lambda dataset: expand(pattern, dataset=dataset.name, fold=dataset.folds))


def model_files(name):
    """An input function: the file `name` of all networks of the wildcards' dataset, or of the wildcards' fold."""
    return explained(
        lambda wildcards: [
            f"{folder}/{name}" for folder in dataset_of(wildcards).models(getattr(wildcards, "fold", None))
        ]
    )


def chosen_epochs(wildcards):
    """An input function: the metrics of the networks of the wildcards' stream in all folds; they say which epoch they are of."""
    return [f"{folder}/metrics.json" for folder in dataset_of(wildcards).models() if f"/{wildcards.stream}/" in folder]


def final_files(name, asked=True):
    """An input function: the file `name` of the networks that are trained on all clips of the wildcards' dataset.

    `asked=False`: none, unless the configuration has `final: true`.
    """
    return of_dataset(
        lambda dataset: [f"{folder}/{name}" for folder in dataset.final_models() if asked or dataset.settings.final]
    )


def largest_first(wildcards):
    """The priority of an extraction, below that of every other rule: shards with most videos run first.

    In another order, one worker could be left with a large shard at the end. What was extracted is processed at once.
    """
    dataset = project[wildcards.dataset]
    return len(dataset.samples(wildcards.shard)) - len(dataset.index.samples)


def command(wildcards):
    """The command that makes the report again."""
    own = [os.path.relpath(file) for file in workflow.config_settings.configfiles]
    given = " ".join(["--configfile", *own, "--"]) if own else ""
    if (run := workflow.config_settings.config.get("run")) is not None:
        given = f"--config run={run} {given or '--'}"
    return " ".join(filter(None, ["snakemake --cores all", given, f"results/{wildcards.dataset}/report.html"]))


def datasets_that(are_imported):
    """A pattern of the datasets whose keypoints are imported, or of the others; one without datasets matches nothing."""
    return "|".join(map(re.escape, explained(project.imported)(are_imported))) or "(?!)"


wildcard_constraints:
    # Any name, so that a target of a dataset that is not configured is told with those that are.
    dataset="[A-Za-z0-9][A-Za-z0-9_.-]*",
    shard="[0-9a-f]+",
    fold=r"fold-[0-9]+|official",
    seed="[1-9][0-9]*",
    stream="joint|bone|joint_motion|bone_motion",
