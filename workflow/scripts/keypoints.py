"""Extract the keypoints of one shard's videos."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.config.load import dataset_of
    from signfold.core.settings import KeypointSettings
    from signfold.dataset import index
    from signfold.keypoints.cache import Cache
    from signfold.keypoints.extract import extract_shard

    found = index.read_index(dataset_of(snakemake.config, snakemake.wildcards.dataset))
    extract_shard(
        index.by_shard(found, snakemake.params.shards)[snakemake.wildcards.shard],
        Path(snakemake.output.keypoints),
        Path(snakemake.output.videos),
        Cache(Path(snakemake.config["store"])),
        KeypointSettings(**snakemake.params.keypoints),
    )
