"""Choose the clips that a network for others to go on from is trained on."""

from pathlib import Path

from signfold.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import pretraining
    from signfold.foldnames import FoldSettings

    pretraining.build(
        Path(snakemake.input.table),
        Path(snakemake.input.duplicates),
        Path(snakemake.output[0]),
        FoldSettings(**snakemake.params.folds),
        snakemake.params.seed,
    )
