"""Recognise the signs in new videos."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.inference import predict
    from signfold.keypoints.cache import Cache

    predict.predict(
        Path("results", snakemake.wildcards.dataset),
        [Path(folder) for folder in snakemake.params.videos],
        Path(snakemake.output[0]),
        Cache(Path(snakemake.config["cache"])),
    )
