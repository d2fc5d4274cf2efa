"""Extract the keypoints of one shard's videos."""

from pathlib import Path

from signfold.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import keypoints
    from signfold.store import Store

    keypoints.build(
        Path(snakemake.input.index),
        snakemake.wildcards.shard,
        Path(snakemake.output.keypoints),
        Path(snakemake.output.videos),
        Store(Path(snakemake.config["store"])),
        keypoints.KeypointSettings(**snakemake.params.keypoints),
    )
