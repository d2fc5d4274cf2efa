"""Pool the test parts of all folds."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.core.settings import EvaluationSettings
    from signfold.evaluation import evaluate

    streams = {Path(path).parents[1] for path in snakemake.input.metrics}
    evaluate.evaluate(
        {(stream.parent.name, stream.name): stream for stream in sorted(streams)},
        {Path(path).stem: Path(path) for path in snakemake.input.folds},
        Path(snakemake.input.manifest),
        Path(snakemake.output.metrics).parent,
        EvaluationSettings(**snakemake.params.evaluation),
        snakemake.params.seed,
        {Path(path).stem: Path(path) for path in snakemake.input.baselines},
        Path(snakemake.input.shuffled),
        snakemake.params.seeds,
    )
