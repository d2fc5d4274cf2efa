"""Train one network on one fold, or on all that a dataset has to learn from."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.core.settings import Augmentation, ModelSettings, TrainingSettings
    from signfold.training import train

    results = Path("results", snakemake.wildcards.dataset)
    out = Path(snakemake.output.model).parent
    initial, audit = snakemake.input.get("initial"), snakemake.input.get("audit")
    train.train(
        Path(snakemake.input.fold),
        [Path(path) for path in snakemake.input.tensors],
        out,
        stream=snakemake.wildcards.stream,
        settings=TrainingSettings(**snakemake.params.training),
        augmentation=Augmentation(**snakemake.params.augmentation),
        model_settings=ModelSettings(**snakemake.params.model),
        seed=snakemake.params.seed,
        threads=snakemake.threads,
        audit=Path(audit) if audit else None,
        # Not among the outputs: Snakemake deletes those of a job that was interrupted.
        checkpoint=results / "checkpoints" / out.relative_to(results) / "state.pt",
        initial=Path(initial) if initial else None,
        dataset=snakemake.wildcards.dataset,
        # Read here and not a param, so that asking for it trains nothing again.
        board=results / "tensorboard" / out.relative_to(results) if snakemake.config["tensorboard"] else None,
    )
