"""Write the report."""

from pathlib import Path

from signfold.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import report, versions

    name = snakemake.wildcards.dataset
    config = {"dataset": name, "datasets": {name: snakemake.params.dataset}, **snakemake.params.settings}
    report.build(
        Path("results", name),
        Path(snakemake.output[0]),
        name,
        config,
        versions.installed(),
        snakemake.params.command,
    )
