"""Import the keypoints of one shard's clips."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.config.project import Project
    from signfold.dataset.keypoint_files import ImportSettings
    from signfold.keypoints.import_files import import_shard

    dataset = Project(snakemake.config)[snakemake.wildcards.dataset]
    import_shard(
        dataset.samples(snakemake.wildcards.shard),
        Path(snakemake.output.keypoints),
        Path(snakemake.output.videos),
        ImportSettings(**snakemake.params.source),
        snakemake.params.on_bad_video,
    )
