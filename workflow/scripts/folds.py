"""Assign the roles of one fold."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.core.settings import FoldSettings
    from signfold.folds.build import FoldPlan, build_fold

    settings = FoldSettings(**snakemake.params.folds)
    build_fold(
        Path(snakemake.input.table),
        Path(snakemake.input.duplicates),
        Path(snakemake.output[0]),
        FoldPlan(snakemake.wildcards.fold, tuple(snakemake.params.names), settings, snakemake.params.seed),
    )
