"""Extract the keypoints of one shard's videos."""

import os
from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.config.project import Project
    from signfold.core.settings import KeypointSettings
    from signfold.keypoints.cache import Cache
    from signfold.keypoints.extract import extract_shard

    dataset = Project(snakemake.config)[snakemake.wildcards.dataset]
    extract_shard(
        dataset.samples(snakemake.wildcards.shard),
        Path(snakemake.output.keypoints),
        Path(snakemake.output.videos),
        Cache(Path(snakemake.config["cache"])),
        KeypointSettings(**snakemake.params.keypoints),
        more_tries=snakemake.resources.attempt < int(os.environ.get("SIGNFOLD_TRIES", 1)),
    )
