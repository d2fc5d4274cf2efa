# MediaPipe Holistic over the videos of a shard, through the store.


rule keypoints:
    input:
        # The videos are not inputs, `state` stands for them: 40,000 inputs would slow Snakemake down. Nor is the index: it
        # shows glosses, and a changed gloss is no reason to look at the videos again.
        rendered,
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
    params:
        state=shard_state,
        shards=settings("shards"),
        keypoints=settings("keypoints"),
        version=[versions.KEYPOINTS, versions.EXTRACTOR],
    script:
        "../scripts/keypoints.py"
