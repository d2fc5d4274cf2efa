"""Write the clips of the final network: all of them."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.core.settings import FoldSettings
    from signfold.folds.final_split import build_final_split

    build_final_split(
        Path(snakemake.input.table),
        Path(snakemake.input.duplicates),
        Path(snakemake.output[0]),
        FoldSettings(**snakemake.params.folds),
    )
