# Tensors: keypoints are imputed, mirrored to the right hand, normalised and resampled.


rule tensors:
    input:
        keypoints="results/{dataset}/keypoints/{shard}.parquet",
        videos="results/{dataset}/keypoints/{shard}.videos.parquet",
    output:
        tensors="results/{dataset}/tensors/{shard}.npy",
        table="results/{dataset}/tensors/{shard}.parquet",
    log:
        "results/{dataset}/logs/tensors/{shard}.log",
    benchmark:
        "results/{dataset}/benchmarks/tensors/{shard}.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        tensors=settings("tensors"),
        keypoints=of_dataset(lambda dataset: dataset.keypoint_options),
        version=versions.TENSORS,
    script:
        "../scripts/tensors.py"
