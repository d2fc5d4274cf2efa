"""Train one network on one fold."""

from pathlib import Path

from signfold.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import train
    from signfold.aagcn import ModelSettings
    from signfold.recipe import TrainingSettings

    dataset, fold, stream = (snakemake.wildcards[name] for name in ("dataset", "fold", "stream"))
    train.train(
        Path(snakemake.input.fold),
        [Path(path) for path in snakemake.input.tensors],
        Path(snakemake.output.model).parent,
        stream=stream,
        settings=TrainingSettings(**snakemake.params.training),
        model_settings=ModelSettings(**snakemake.params.model),
        seed=snakemake.params.seed,
        threads=snakemake.threads,
        audit=Path(snakemake.input.audit),
        # Not among the outputs: Snakemake deletes those of a job that was interrupted.
        checkpoint=Path("results", dataset, "checkpoints", fold, stream, "state.pt"),
        dataset=dataset,
    )
