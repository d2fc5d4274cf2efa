# Recognition of new clips by the final networks where the configuration wants them, else by those of all folds:
# snakemake --cores 8 results/demo/predicted.csv --config predict=FOLDER


rule predict:
    input:
        models=model_files("model.safetensors"),
        final=final_files("model.safetensors", asked=False),
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
        clips=lambda wildcards: explained(project.new_clips)(),
        ensemble=of_dataset(lambda dataset: not dataset.settings.final),
        version=versions.PREDICT,
    script:
        "../scripts/predict.py"
