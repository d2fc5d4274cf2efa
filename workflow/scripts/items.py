"""List what is learnt from."""

from pathlib import Path

from signfold.core.job import job

with job(snakemake.log[0], snakemake.threads):
    from signfold.config.project import Project
    from signfold.core.settings import ManifestSettings
    from signfold.dataset import manifest
    from signfold.dataset.index_table import index_table

    dataset = Project(snakemake.config)[snakemake.wildcards.dataset]
    manifest.check_tensors(
        [Path(path) for path in snakemake.input.tensors],
        [Path(path) for path in snakemake.input.videos],
        dataset.section("tensors"),
        dataset.keypoint_options,
    )
    manifest.build_items(
        index_table(dataset.index, shards=1).to_pandas(),
        [Path(path) for path in snakemake.input.tensors],
        [Path(path) for path in snakemake.input.videos],
        Path(snakemake.output.table),
        Path(snakemake.output.excluded),
        ManifestSettings(**snakemake.params.manifest),
        snakemake.params.seed,
    )
