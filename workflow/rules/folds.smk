# Clips of one take, the folds, and the leak audit that every training needs.


rule duplicates:
    input:
        table="results/{dataset}/items.parquet",
        keypoints=shard_files("results/{dataset}/keypoints/{shard}.parquet"),
        videos=shard_files("results/{dataset}/keypoints/{shard}.videos.parquet"),
    output:
        "results/{dataset}/duplicates.parquet",
    log:
        "results/{dataset}/logs/duplicates.log",
    benchmark:
        "results/{dataset}/benchmarks/duplicates.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 4
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        version=versions.DUPLICATES,
    script:
        "../scripts/duplicates.py"


rule folds:
    input:
        table="results/{dataset}/items.parquet",
        duplicates="results/{dataset}/duplicates.parquet",
    output:
        "results/{dataset}/folds/{fold}.parquet",
    log:
        "results/{dataset}/logs/folds/{fold}.log",
    benchmark:
        "results/{dataset}/benchmarks/folds/{fold}.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        names=of_dataset(lambda dataset: dataset.folds),
        folds=settings("folds"),
        seed=settings("seed"),
        version=versions.FOLDS,
    script:
        "../scripts/folds.py"


rule audit:
    input:
        folds=fold_files("results/{dataset}/folds/{fold}.parquet"),
        duplicates="results/{dataset}/duplicates.parquet",
    output:
        "results/{dataset}/folds/audit.json",
    log:
        "results/{dataset}/logs/audit.log",
    benchmark:
        "results/{dataset}/benchmarks/audit.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        version=versions.FOLDS,
    script:
        "../scripts/audit.py"
