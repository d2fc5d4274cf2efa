"""Write who signs what, in which video, and what was left out."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.config.project import Project
    from signfold.dataset.index_table import write_index

    dataset = Project(snakemake.config)[snakemake.wildcards.dataset]
    write_index(dataset.index, snakemake.params.shards, Path(snakemake.output.index), Path(snakemake.output.excluded))
