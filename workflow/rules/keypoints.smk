# MediaPipe Holistic over the videos of a shard, through the store.


rule keypoints:
    input:
        # The index tells the shard's files; a new gloss in it is no reason to look at the videos again, so only `state` is.
        index=ancient("results/{dataset}/index.parquet"),
    output:
        keypoints="results/{dataset}/keypoints/{shard}.parquet",
        videos="results/{dataset}/keypoints/{shard}.videos.parquet",
    log:
        "results/{dataset}/logs/keypoints/{shard}.log",
    benchmark:
        "results/{dataset}/benchmarks/keypoints/{shard}.tsv"
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        state=shard_state,
        keypoints=settings("keypoints"),
        version=versions.KEYPOINTS,
    conda:
        "../../envs/signfold.yaml"
    script:
        "../scripts/keypoints.py"
