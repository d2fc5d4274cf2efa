# Recognition of new videos by the networks of all folds: snakemake --cores 8 results/demo/predicted.csv --config predict=FOLDER


rule predict:
    input:
        models=model_files("model.safetensors"),
        classes="results/{dataset}/classes.csv",
        metrics="results/{dataset}/evaluation/metrics.json",
    output:
        "results/{dataset}/predicted.csv",
    log:
        "results/{dataset}/logs/predict.log",
    benchmark:
        "results/{dataset}/benchmarks/predict.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        videos=lambda wildcards: explained(project.new_videos)(),
    script:
        "../scripts/predict.py"
