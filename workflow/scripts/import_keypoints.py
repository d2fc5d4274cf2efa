"""Import the keypoints of one shard's clips."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.config.load import dataset_of
    from signfold.dataset import index
    from signfold.dataset.keypoint_files import ImportSettings
    from signfold.keypoints.import_files import import_shard

    found = index.read_index(dataset_of(snakemake.config, snakemake.wildcards.dataset))
    import_shard(
        index.by_shard(found, snakemake.params.shards)[snakemake.wildcards.shard],
        Path(snakemake.output.keypoints),
        Path(snakemake.output.videos),
        ImportSettings(**snakemake.params.source),
        snakemake.params.on_bad_video,
    )
