"""Choose the clips that a network for other datasets is pre-trained on."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.core.settings import FoldSettings
    from signfold.folds.pretrain_split import build_pretrain_split

    build_pretrain_split(
        Path(snakemake.input.table),
        Path(snakemake.input.duplicates),
        Path(snakemake.output[0]),
        FoldSettings(**snakemake.params.folds),
        snakemake.params.seed,
    )
