"""Bring the keypoints of one shard to the tensors that the network sees."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.core.settings import TensorSettings
    from signfold.tensors.build import build_tensors

    build_tensors(
        Path(snakemake.input.keypoints),
        Path(snakemake.input.videos),
        Path(snakemake.output.tensors),
        Path(snakemake.output.table),
        TensorSettings(**snakemake.params.tensors),
        snakemake.params.keypoints,
    )
