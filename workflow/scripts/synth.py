"""Render the demo's synthetic signers."""

from pathlib import Path

from signfold.job import job

# The renderer's processes import this file again.
if __name__ == "__main__":
    with job(snakemake.log[0], threads=1):
        from signfold.synth.names import SynthSettings
        from signfold.synth.render import render

        render(Path(snakemake.output[0]).parent, SynthSettings(**snakemake.params.synth), workers=snakemake.threads)
