"""Write who signs what, in which video, and what was left out."""

from pathlib import Path

from signfold.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import index

    found = index.read(snakemake.params.dataset)
    index.write(found, snakemake.params.shards, Path(snakemake.output.index), Path(snakemake.output.excluded))
