"""Extract the keypoints of one shard's videos."""

from pathlib import Path

from signfold.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import config, index, keypoints
    from signfold.store import Store

    found = index.read(config.dataset_of(snakemake.config, snakemake.wildcards.dataset))
    keypoints.build(
        index.by_shard(found, snakemake.params.shards)[snakemake.wildcards.shard],
        Path(snakemake.output.keypoints),
        Path(snakemake.output.videos),
        Store(Path(snakemake.config["store"])),
        keypoints.KeypointSettings(**snakemake.params.keypoints),
    )
