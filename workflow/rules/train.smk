# One AAGCN for each fold and stream; and what they may start from, trained on another dataset.


rule train:
    input:
        fold="results/{dataset}/folds/{fold}.parquet",
        audit="results/{dataset}/folds/audit.json",
        tensors=shard_files("results/{dataset}/tensors/{shard}.npy"),
        initial=initial_weights,
    output:
        model="results/{dataset}/models/{fold}/{stream}/model.safetensors",
        metrics="results/{dataset}/models/{fold}/{stream}/metrics.json",
        history="results/{dataset}/models/{fold}/{stream}/history.csv",
        predictions="results/{dataset}/models/{fold}/{stream}/predictions.parquet",
        provenance="results/{dataset}/models/{fold}/{stream}/provenance.json",
    log:
        "results/{dataset}/logs/train/{fold}/{stream}.log",
    benchmark:
        "results/{dataset}/benchmarks/train/{fold}/{stream}.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 4
    resources:
        mem_mb=growing(8000),
        runtime=growing(1440),
        gpu=min(1, GPUS),
    params:
        training=settings("training"),
        model=settings("model"),
        seed=settings("seed"),
        version=training_version,
    script:
        "../scripts/train.py"


# Further seeds: `seed-2` and so on, below the first one's folder.
use rule train as train_seed with:
    output:
        model="results/{dataset}/models/{fold}/{stream}/seed-{number}/model.safetensors",
        metrics="results/{dataset}/models/{fold}/{stream}/seed-{number}/metrics.json",
        history="results/{dataset}/models/{fold}/{stream}/seed-{number}/history.csv",
        predictions="results/{dataset}/models/{fold}/{stream}/seed-{number}/predictions.parquet",
        provenance="results/{dataset}/models/{fold}/{stream}/seed-{number}/provenance.json",
    log:
        "results/{dataset}/logs/train_seed/{fold}/{stream}/{number}.log",
    benchmark:
        "results/{dataset}/benchmarks/train_seed/{fold}/{stream}/{number}.tsv"
    params:
        training=settings("training"),
        model=settings("model"),
        seed=lambda wildcards: settings("seed")(wildcards) + int(wildcards.number) - 1,
        version=training_version,


rule pretrain_clips:
    input:
        table="results/{dataset}/items.parquet",
        duplicates="results/{dataset}/duplicates.parquet",
    output:
        "results/{dataset}/pretrain/all.parquet",
    log:
        "results/{dataset}/logs/pretrain_clips.log",
    benchmark:
        "results/{dataset}/benchmarks/pretrain_clips.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        folds=settings("folds"),
        seed=settings("seed"),
        version=versions.FOLDS,
    script:
        "../scripts/pretrain_clips.py"


use rule train as pretrain with:
    input:
        fold="results/{dataset}/pretrain/all.parquet",
        tensors=shard_files("results/{dataset}/tensors/{shard}.npy"),
    output:
        model="results/{dataset}/pretrain/{stream}/model.safetensors",
        metrics="results/{dataset}/pretrain/{stream}/metrics.json",
        history="results/{dataset}/pretrain/{stream}/history.csv",
        predictions="results/{dataset}/pretrain/{stream}/predictions.parquet",
        provenance="results/{dataset}/pretrain/{stream}/provenance.json",
    log:
        "results/{dataset}/logs/pretrain/{stream}.log",
    benchmark:
        "results/{dataset}/benchmarks/pretrain/{stream}.tsv"
