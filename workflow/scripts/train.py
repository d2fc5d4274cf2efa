"""Train one network on one fold, or on all clips of a dataset: for pre-training, or as the final network."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.core.files import read_json
    from signfold.core.results import median_epoch
    from signfold.core.settings import Augmentation, ModelSettings, TrainingSettings
    from signfold.training.task import TrainingPaths, TrainingTask
    from signfold.training.train import train

    results = Path("results", snakemake.wildcards.dataset)
    out = Path(snakemake.output.model).parent
    initial, audit = snakemake.input.get("initial"), snakemake.input.get("audit")
    chosen = [read_json(path, "best_epoch")["best_epoch"] for path in snakemake.input.get("chosen", [])]
    task = TrainingTask(
        dataset=snakemake.wildcards.dataset,
        stream=snakemake.wildcards.stream,
        seed=snakemake.params.seed,
        training=TrainingSettings(**snakemake.params.training),
        augmentation=Augmentation(**snakemake.params.augmentation),
        model=ModelSettings(**snakemake.params.model),
        last_epoch=median_epoch(chosen) if chosen else None,
    )
    paths = TrainingPaths(
        fold=Path(snakemake.input.fold),
        tensors=[Path(path) for path in snakemake.input.tensors],
        audit=Path(audit) if audit else None,
        initial=Path(initial) if initial else None,
        out=out,
        # Not an output: Snakemake deletes the outputs of an interrupted job.
        checkpoint=results / "checkpoints" / out.relative_to(results) / "state.pt",
        # Read from the configuration, not a param: switching it on must not rerun trainings.
        tensorboard=results / "tensorboard" / out.relative_to(results) if snakemake.config["tensorboard"] else None,
    )
    train(task, paths, snakemake.threads)
