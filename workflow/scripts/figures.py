"""Draw the report's main figures as pages of their own."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import report

    results = report.Results(Path("results", snakemake.wildcards.dataset), snakemake.params.pictures)
    report.figures(results, Path(snakemake.output.signers).parent)
