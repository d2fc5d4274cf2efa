# What is learnt from, in which classes.


rule manifest:
    input:
        index="results/{dataset}/index.parquet",
        tensors=shard_files("results/{dataset}/tensors/{shard}.parquet"),
        videos=shard_files("results/{dataset}/keypoints/{shard}.videos.parquet"),
    output:
        manifest="results/{dataset}/manifest.parquet",
        excluded="results/{dataset}/manifest.excluded.csv",
        classes="results/{dataset}/classes.csv",
    log:
        "results/{dataset}/logs/manifest.log",
    benchmark:
        "results/{dataset}/benchmarks/manifest.tsv"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        manifest=settings("manifest"),
        seed=settings("seed"),
        version=versions.MANIFEST,
    conda:
        "../../envs/signfold.yaml"
    script:
        "../scripts/manifest.py"
