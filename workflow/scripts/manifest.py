"""List what is learnt from."""

from pathlib import Path

from signfold.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import manifest

    manifest.build(
        Path(snakemake.input.index),
        [Path(path) for path in snakemake.input.tensors],
        [Path(path) for path in snakemake.input.videos],
        Path(snakemake.output.manifest),
        Path(snakemake.output.excluded),
        Path(snakemake.output.classes),
        manifest.ManifestSettings(**snakemake.params.manifest),
        snakemake.params.seed,
    )
