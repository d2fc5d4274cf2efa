"""Pool the test parts of all folds."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.core.settings import EvaluationSettings
    from signfold.evaluation.evaluate import EvaluationInputs, evaluate

    streams = {Path(path).parents[1] for path in snakemake.input.metrics}
    inputs = EvaluationInputs(
        models={(stream.parent.name, stream.name): stream for stream in sorted(streams)},
        folds={Path(path).stem: Path(path) for path in snakemake.input.folds},
        audit=Path(snakemake.input.audit),
        manifest=Path(snakemake.input.manifest),
        baselines={Path(path).stem: Path(path) for path in snakemake.input.baselines},
        shuffled=Path(snakemake.input.shuffled),
        seeds=snakemake.params.seeds,
    )
    settings = EvaluationSettings(**snakemake.params.evaluation)
    evaluate(inputs, Path(snakemake.output.metrics).parent, settings)
