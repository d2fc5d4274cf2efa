"""Recognise the signs in new videos."""

from pathlib import Path

from signfold.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import predict
    from signfold.store import Store

    predict.predict(
        Path("results", snakemake.wildcards.dataset),
        [Path(folder) for folder in snakemake.params.videos],
        Path(snakemake.output[0]),
        Store(Path(snakemake.config["store"])),
    )
