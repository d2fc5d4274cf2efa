# The report, a page of HTML; its figures for `snakemake --report`; the cards.


rule figures:
    input:
        metrics="results/{dataset}/evaluation/metrics.json",
        history=model_files("history.csv"),
        videos=shard_files("results/{dataset}/keypoints/{shard}.videos.parquet"),
        tensors=shard_files("results/{dataset}/tensors/{shard}.parquet"),
    output:
        signers=report(
            "results/{dataset}/figures/per_signer.html",
            caption="../report/per_signer.rst",
            category="Accuracy",
            labels={"dataset": "{dataset}", "figure": "per signer"},
        ),
        confusion=report(
            "results/{dataset}/figures/confusion.html",
            caption="../report/confusion.rst",
            category="Accuracy",
            labels={"dataset": "{dataset}", "figure": "confused signs"},
        ),
        curves=report(
            "results/{dataset}/figures/learning_curves.html",
            caption="../report/learning_curves.rst",
            category="Training",
            labels={"dataset": "{dataset}", "figure": "learning curves"},
        ),
        quality=report(
            "results/{dataset}/figures/quality.html",
            caption="../report/quality.rst",
            category="Keypoints",
            labels={"dataset": "{dataset}", "figure": "hands seen"},
        ),
    log:
        "results/{dataset}/logs/figures.log",
    benchmark:
        "results/{dataset}/benchmarks/figures.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        pictures=of_dataset(lambda dataset: dataset.pictures),
        version=versions.REPORT,
    script:
        "../scripts/figures.py"


rule report:
    input:
        of_dataset(lambda dataset: dataset.truth or []),
        index="results/{dataset}/index.parquet",
        manifest="results/{dataset}/manifest.parquet",
        metrics="results/{dataset}/evaluation/metrics.json",
        history=model_files("history.csv"),
        final=final_files("metrics.json", asked=False),
        folds=fold_files("results/{dataset}/folds/{fold}.parquet"),
        videos=shard_files("results/{dataset}/keypoints/{shard}.videos.parquet"),
        tensors=shard_files("results/{dataset}/tensors/{shard}.parquet"),
        figures="results/{dataset}/figures/per_signer.html",
    output:
        page=report(
            "results/{dataset}/report.html",
            caption="../report/report.rst",
            category="Report",
            labels={"dataset": "{dataset}", "figure": "the whole report"},
        ),
        model_card="results/{dataset}/model_card.md",
        data_card="results/{dataset}/data_card.md",
    log:
        "results/{dataset}/logs/report.log",
    benchmark:
        "results/{dataset}/benchmarks/report.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings=of_dataset(lambda dataset: dataset.plain),
        dataset=of_dataset(lambda dataset: dataset.source),
        command=command,
        pictures=of_dataset(lambda dataset: dataset.pictures),
        version=versions.REPORT,
    script:
        "../scripts/report.py"
