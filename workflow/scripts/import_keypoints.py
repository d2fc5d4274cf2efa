"""Import the keypoints of one shard's clips."""

from pathlib import Path

from signfold.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import config, index
    from signfold.importing import shard
    from signfold.importing.sources import ImportSettings

    found = index.read(config.dataset_of(snakemake.config, snakemake.wildcards.dataset))
    shard.build(
        index.by_shard(found, snakemake.params.shards)[snakemake.wildcards.shard],
        Path(snakemake.output.keypoints),
        Path(snakemake.output.videos),
        ImportSettings(**snakemake.params.source),
        snakemake.params.on_bad_video,
    )
