"""Bring the keypoints of one shard to the tensors that the network sees."""

from pathlib import Path

from signfold.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import tensors

    tensors.build(
        Path(snakemake.input.keypoints),
        Path(snakemake.input.videos),
        Path(snakemake.output.tensors),
        Path(snakemake.output.table),
        tensors.TensorSettings(**snakemake.params.tensors),
    )
