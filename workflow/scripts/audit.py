"""Check every fold for leaks between its roles. Every training needs this output."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.folds.leakage import audit_folds

    audit_folds(
        [Path(path) for path in snakemake.input.folds],
        Path(snakemake.output[0]),
        Path(snakemake.input.duplicates),
    )
