"""What a split by clips, not by signers, would seem to give."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.evaluation import shuffled

    shuffled.run_shuffled(
        [Path(path) for path in snakemake.input.folds],
        Path(snakemake.input.audit),
        [Path(path) for path in snakemake.input.tensors],
        Path(snakemake.output[0]),
        snakemake.params.seed,
    )
