"""Recognise the signs in new clips."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.inference import predict
    from signfold.inference.inputs import find_inputs
    from signfold.inference.load import load
    from signfold.keypoints.cache import Cache

    model = load(Path("results", snakemake.wildcards.dataset), ensemble=snakemake.params.ensemble)
    inputs = find_inputs([Path(folder) for folder in snakemake.params.clips], model.reading)
    cache = Cache(Path(snakemake.config["cache"]))
    found = predict.predict(model, inputs, cache=cache, workers=snakemake.threads)
    predict.write(found, Path(snakemake.output[0]))
