"""Give the items their glosses, for people to read."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.dataset import manifest

    source, out = snakemake.input, snakemake.output
    manifest.build_manifest(Path(source.table), Path(source.index), Path(out.manifest), Path(out.classes))
