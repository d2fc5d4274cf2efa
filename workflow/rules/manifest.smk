# The clips to learn from, and their classes. Training reads the items; the manifest is the items with their glosses.


rule items:
    input:
        tensors=shard_files("results/{dataset}/tensors/{shard}.parquet"),
        videos=shard_files("results/{dataset}/keypoints/{shard}.videos.parquet"),
    output:
        table="results/{dataset}/items.parquet",
        excluded="results/{dataset}/manifest.excluded.csv",
    log:
        "results/{dataset}/logs/items.log",
    benchmark:
        "results/{dataset}/benchmarks/items.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        state=of_dataset(lambda dataset: dataset.class_state),
        manifest=settings("manifest"),
        seed=settings("seed"),
        version=versions.MANIFEST,
    script:
        "../scripts/items.py"


rule manifest:
    input:
        table="results/{dataset}/items.parquet",
        index="results/{dataset}/index.parquet",
    output:
        manifest="results/{dataset}/manifest.parquet",
        classes="results/{dataset}/classes.csv",
    log:
        "results/{dataset}/logs/manifest.log",
    benchmark:
        "results/{dataset}/benchmarks/manifest.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        version=versions.MANIFEST,
    script:
        "../scripts/manifest.py"
