# Signers apart: the folds, and the audit that every training needs.


rule folds:
    input:
        # The manifest shows glosses, which must not train again. All else in it comes from the tensors and params below.
        manifest=ancient("results/{dataset}/manifest.parquet"),
        tensors=shard_files("results/{dataset}/tensors/{shard}.parquet"),
    output:
        "results/{dataset}/folds/{fold}.parquet",
    log:
        "results/{dataset}/logs/folds/{fold}.log",
    benchmark:
        "results/{dataset}/benchmarks/folds/{fold}.tsv"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        names=lambda wildcards: fold_names(wildcards.dataset),
        folds=settings("folds"),
        manifest=settings("manifest"),
        seed=settings("seed"),
        classes=class_state,
        version=versions.FOLDS,
    conda:
        "../../envs/signfold.yaml"
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
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        version=versions.FOLDS,
    conda:
        "../../envs/signfold.yaml"
    script:
        "../scripts/audit.py"
