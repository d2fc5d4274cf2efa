# One AAGCN for each fold and stream.


rule train:
    input:
        fold="results/{dataset}/folds/{fold}.parquet",
        audit="results/{dataset}/folds/audit.json",
        tensors=shard_files("results/{dataset}/tensors/{shard}.npy"),
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
    params:
        training=settings("training"),
        model=settings("model"),
        seed=settings("seed"),
        version=versions.TRAIN,
    script:
        "../scripts/train.py"
