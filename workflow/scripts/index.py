"""Write who signs what, in which video, and what was left out."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.dataset import index
    from signfold.dataset.index_table import write_index

    found = index.read_index(snakemake.params.dataset)
    write_index(found, snakemake.params.shards, Path(snakemake.output.index), Path(snakemake.output.excluded))
