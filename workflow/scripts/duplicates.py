"""Find the pairs of clips that show one take."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.folds.duplicates import find_duplicates

    find_duplicates(
        Path(snakemake.input.table),
        [Path(path) for path in snakemake.input.keypoints],
        Path(snakemake.output[0]),
        snakemake.threads,
    )
