"""Set the clips of one fold apart."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.folds.build import FoldSettings, build_fold

    build_fold(
        Path(snakemake.input.table),
        Path(snakemake.output[0]),
        snakemake.wildcards.fold,
        snakemake.params.names,
        FoldSettings(**snakemake.params.folds),
        snakemake.params.seed,
        Path(snakemake.input.duplicates),
    )
