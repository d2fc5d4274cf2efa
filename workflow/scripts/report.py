"""Write the report and the cards."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import report
    from signfold.core import versions

    name = snakemake.wildcards.dataset
    config = {"dataset": name, "datasets": {name: snakemake.params.dataset}, **snakemake.params.settings}
    about = (name, config, versions.installed(), snakemake.params.command)
    report.build(Path("results", name), Path(snakemake.output.page), *about)
    report.cards(Path("results", name), Path(snakemake.output.model_card), Path(snakemake.output.data_card), *about)
