"""List what is learnt from."""

from pathlib import Path

from signfold.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold import config, index, manifest

    found = index.read(config.dataset_of(snakemake.config, snakemake.wildcards.dataset))
    manifest.build_items(
        index.table(found, shards=1).to_pandas(),
        [Path(path) for path in snakemake.input.tensors],
        [Path(path) for path in snakemake.input.videos],
        Path(snakemake.output.table),
        Path(snakemake.output.excluded),
        manifest.ManifestSettings(**snakemake.params.manifest),
        snakemake.params.seed,
    )
