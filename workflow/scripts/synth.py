"""Render the demo's synthetic signers."""

from pathlib import Path

from signfold.job import job

with job(snakemake.log[0], threads=1):
    from signfold.synth import SynthSettings, render

    render(Path(snakemake.output[0]).parent, SynthSettings(**snakemake.params.synth), workers=snakemake.threads)
