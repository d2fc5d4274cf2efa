"""Render the demo's synthetic signers."""

from pathlib import Path

from signfold.core.job import job

# The renderer's processes import this file again.
if __name__ == "__main__":
    with job(snakemake.log[0], threads=1):
        from signfold.dataset.synthetic import SynthSettings
        from signfold.synth.render import render

        render(Path(snakemake.output[0]).parent, SynthSettings(**snakemake.params.synth), workers=snakemake.threads)
