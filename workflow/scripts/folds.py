"""Set the clips of one fold apart."""

from pathlib import Path

from signfold.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import folds

    folds.build(
        Path(snakemake.input.table),
        Path(snakemake.output[0]),
        snakemake.wildcards.fold,
        snakemake.params.names,
        folds.FoldSettings(**snakemake.params.folds),
        snakemake.params.seed,
        Path(snakemake.input.duplicates),
    )
