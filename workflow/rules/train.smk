# Training of one network for each fold, stream and seed; of the final ones, on all clips; and of those that other datasets start from.


rule train:
    input:
        fold="results/{dataset}/folds/{fold}.parquet",
        audit="results/{dataset}/folds/audit.json",
        tensors=shard_files("results/{dataset}/tensors/{shard}.npy"),
        initial=lambda wildcards: project[wildcards.dataset].initial_weights(wildcards.stream) or [],
    output:
        model="results/{dataset}/models/{fold}/{stream}/seed-{seed}/model.safetensors",
        metrics="results/{dataset}/models/{fold}/{stream}/seed-{seed}/metrics.json",
        history="results/{dataset}/models/{fold}/{stream}/seed-{seed}/history.csv",
        predictions="results/{dataset}/models/{fold}/{stream}/seed-{seed}/predictions.parquet",
        provenance="results/{dataset}/models/{fold}/{stream}/seed-{seed}/provenance.json",
    log:
        "results/{dataset}/logs/train/{fold}/{stream}/seed-{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/train/{fold}/{stream}/seed-{seed}.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 4
    resources:
        mem_mb=growing(8000),
        runtime=growing(1440),
        gpu=min(1, GPUS),
    params:
        training=settings("training"),
        augmentation=settings("augmentation"),
        model=settings("model"),
        seed=lambda wildcards: settings("seed")(wildcards) + int(wildcards.get("seed", 1)) - 1,
        version=of_dataset(lambda dataset: versions.training(dataset.settings.model.network)),
    script:
        "../scripts/train.py"


# One fold, all of its streams and seeds: a short target, such as results/demo/models/fold-2.done.
rule fold:
    input:
        model_files("metrics.json"),
    output:
        touch("results/{dataset}/models/{fold}.done"),


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


rule final_clips:
    input:
        table="results/{dataset}/items.parquet",
        duplicates="results/{dataset}/duplicates.parquet",
    output:
        "results/{dataset}/models/final/all.parquet",
    log:
        "results/{dataset}/logs/final_clips.log",
    benchmark:
        "results/{dataset}/benchmarks/final_clips.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        folds=settings("folds"),
        version=versions.FOLDS,
    script:
        "../scripts/final_clips.py"


use rule train as train_final with:
    input:
        fold="results/{dataset}/models/final/all.parquet",
        tensors=shard_files("results/{dataset}/tensors/{shard}.npy"),
        chosen=explained(chosen_epochs),
        initial=lambda wildcards: project[wildcards.dataset].initial_weights(wildcards.stream) or [],
    output:
        model="results/{dataset}/models/final/{stream}/seed-{seed}/model.safetensors",
        metrics="results/{dataset}/models/final/{stream}/seed-{seed}/metrics.json",
        history="results/{dataset}/models/final/{stream}/seed-{seed}/history.csv",
        predictions="results/{dataset}/models/final/{stream}/seed-{seed}/predictions.parquet",
        provenance="results/{dataset}/models/final/{stream}/seed-{seed}/provenance.json",
    log:
        "results/{dataset}/logs/final/{stream}/seed-{seed}.log",
    benchmark:
        "results/{dataset}/benchmarks/final/{stream}/seed-{seed}.tsv"


# The networks that are trained on all clips: results/demo/models/final.done, or `final: true` in the configuration.
rule final:
    input:
        final_files("model.safetensors"),
    output:
        touch("results/{dataset}/models/final.done"),
