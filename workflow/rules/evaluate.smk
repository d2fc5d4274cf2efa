# Predictions of simple methods on each fold, the experiment with shuffled clips, and the pooled evaluation.


rule baselines:
    input:
        fold="results/{dataset}/folds/{fold}.parquet",
        audit="results/{dataset}/folds/audit.json",
        tensors=shard_files("results/{dataset}/tensors/{shard}.npy"),
    output:
        "results/{dataset}/baselines/{fold}.parquet",
    log:
        "results/{dataset}/logs/baselines/{fold}.log",
    benchmark:
        "results/{dataset}/benchmarks/baselines/{fold}.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        seed=settings("seed"),
        version=versions.BASELINES,
    script:
        "../scripts/baselines.py"


rule shuffled:
    input:
        folds=fold_files("results/{dataset}/folds/{fold}.parquet"),
        audit="results/{dataset}/folds/audit.json",
        tensors=shard_files("results/{dataset}/tensors/{shard}.npy"),
    output:
        "results/{dataset}/baselines/shuffled.json",
    log:
        "results/{dataset}/logs/shuffled.log",
    benchmark:
        "results/{dataset}/benchmarks/shuffled.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        seed=settings("seed"),
        version=versions.BASELINES,
    script:
        "../scripts/shuffled.py"


rule evaluate:
    input:
        metrics=model_files("metrics.json"),
        predictions=model_files("predictions.parquet"),
        folds=fold_files("results/{dataset}/folds/{fold}.parquet"),
        baselines=fold_files("results/{dataset}/baselines/{fold}.parquet"),
        shuffled="results/{dataset}/baselines/shuffled.json",
        audit="results/{dataset}/folds/audit.json",
        manifest="results/{dataset}/manifest.parquet",
    output:
        metrics="results/{dataset}/evaluation/metrics.json",
        predictions="results/{dataset}/evaluation/predictions.parquet",
        signers="results/{dataset}/evaluation/per_signer.csv",
        classes="results/{dataset}/evaluation/per_class.csv",
        folds="results/{dataset}/evaluation/per_fold.csv",
        confusions="results/{dataset}/evaluation/confusions.csv",
        calibration="results/{dataset}/evaluation/calibration.csv",
        coverage="results/{dataset}/evaluation/coverage.csv",
        streams="results/{dataset}/evaluation/streams.csv",
        compared="results/{dataset}/evaluation/baselines.csv",
        labels="results/{dataset}/evaluation/label_audit.csv",
        label_signers="results/{dataset}/evaluation/label_signers.csv",
    log:
        "results/{dataset}/logs/evaluate.log",
    benchmark:
        "results/{dataset}/benchmarks/evaluate.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        evaluation=settings("evaluation"),
        seeds=settings("seeds"),
        version=versions.EVALUATE,
    script:
        "../scripts/evaluate.py"
