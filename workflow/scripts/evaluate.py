"""Pool the test parts of all folds."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.core.settings import STREAMS, EvaluationSettings
    from signfold.evaluation import evaluate

    models = [Path(path).parent for path in snakemake.input.metrics]
    evaluate.evaluate(
        {(model.parent.name, model.name): model for model in models if model.name in STREAMS},
        {Path(path).stem: Path(path) for path in snakemake.input.folds},
        Path(snakemake.input.manifest),
        Path(snakemake.output.metrics).parent,
        EvaluationSettings(**snakemake.params.evaluation),
        snakemake.params.seed,
        {Path(path).stem: Path(path) for path in snakemake.input.baselines},
        Path(snakemake.input.shuffled),
        snakemake.params.seeds,
    )
