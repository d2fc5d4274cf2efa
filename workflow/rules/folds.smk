# Signers apart: the folds, and the audit that every training needs.


rule folds:
    input:
        "results/{dataset}/items.parquet",
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
        names=lambda wildcards: fold_names(wildcards.dataset),
        folds=settings("folds"),
        seed=settings("seed"),
        version=versions.FOLDS,
    script:
        "../scripts/folds.py"


rule audit:
    input:
        fold_files("results/{dataset}/folds/{fold}.parquet"),
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
