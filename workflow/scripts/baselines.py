"""The answers of simple methods on one fold."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.evaluation import baselines

    baselines.run_baselines(
        Path(snakemake.input.fold),
        Path(snakemake.input.audit),
        [Path(path) for path in snakemake.input.tensors],
        Path(snakemake.output[0]),
        snakemake.params.seed,
    )
