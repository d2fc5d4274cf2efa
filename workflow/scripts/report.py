"""Write the report and the cards."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import report
    from signfold.core import versions

    name = snakemake.wildcards.dataset
    config = {"dataset": name, "datasets": {name: snakemake.params.dataset}, **snakemake.params.settings}
    run = report.Run(name, config, versions.installed(), snakemake.params.command)
    results = report.Results(Path("results", name), snakemake.params.pictures)
    report.build(results, Path(snakemake.output.page), run)
    report.cards(results, Path(snakemake.output.model_card), Path(snakemake.output.data_card), run)
