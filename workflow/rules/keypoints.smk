# MediaPipe Holistic over the videos of a shard, through the cache.


rule keypoints:
    input:
        # The videos are not inputs, `state` stands for them: 40,000 inputs would slow Snakemake down. Nor is the index: it
        # shows glosses, and a changed gloss is no reason to look at the videos again.
        of_dataset(lambda dataset: dataset.truth or []),
    output:
        keypoints="results/{dataset}/keypoints/{shard}.parquet",
        videos="results/{dataset}/keypoints/{shard}.videos.parquet",
    log:
        "results/{dataset}/logs/keypoints/{shard}.log",
    benchmark:
        "results/{dataset}/benchmarks/keypoints/{shard}.tsv"
    wildcard_constraints:
        dataset=datasets_that(are_imported=False),
    priority: largest_first
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
        attempt=lambda wildcards, attempt: attempt,
    params:
        state=of_shard(lambda dataset, shard: dataset.shard_state(shard)),
        shards=settings("shards"),
        keypoints=settings("keypoints"),
        version=[versions.KEYPOINTS, versions.EXTRACTOR],
    script:
        "../scripts/keypoints.py"
