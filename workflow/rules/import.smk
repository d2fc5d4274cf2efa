# Import of keypoints from other tools, in the place of extraction: for datasets with the key `keypoints`.


rule import_keypoints:
    output:
        # As in `keypoints`, `state` stands for the files that are read.
        keypoints="results/{dataset}/keypoints/{shard}.parquet",
        videos="results/{dataset}/keypoints/{shard}.videos.parquet",
    log:
        "results/{dataset}/logs/import/{shard}.log",
    benchmark:
        "results/{dataset}/benchmarks/import/{shard}.tsv"
    wildcard_constraints:
        dataset=datasets_that(are_imported=True),
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        state=of_shard(lambda dataset, shard: dataset.shard_state(shard)),
        shards=settings("shards"),
        source=of_dataset(lambda dataset: dataset.import_settings),
        on_bad_video=of_dataset(lambda dataset: dataset.settings.keypoints.on_bad_video),
        version=versions.IMPORT,
    script:
        "../scripts/import_keypoints.py"
