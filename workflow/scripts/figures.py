"""Draw the report's main figures as pages of their own."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import report

    report.figures(Path("results", snakemake.wildcards.dataset), Path(snakemake.output.signers).parent)
