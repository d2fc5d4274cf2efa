# The index: label, signer and path of each video.


rule synth:
    output:
        "results/{dataset}/videos/truth.parquet",
    log:
        "results/{dataset}/logs/synth.log",
    benchmark:
        "results/{dataset}/benchmarks/synth.tsv"
    conda:
        "../../envs/signfold.yaml"
    threads: 32
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        synth=of_dataset(lambda dataset: dataset.source["synth"]),
        version=versions.SYNTH,
    script:
        "../scripts/synth.py"


rule index:
    input:
        of_dataset(lambda dataset: dataset.truth or []),
    output:
        index="results/{dataset}/index.parquet",
        excluded="results/{dataset}/index.excluded.csv",
    log:
        "results/{dataset}/logs/index.log",
    benchmark:
        "results/{dataset}/benchmarks/index.tsv"
    # Before the extraction, which does not need it: `signfold doctor` and `view` read it while videos are extracted.
    priority: 1
    conda:
        "../../envs/signfold.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        dataset=of_dataset(lambda dataset: dataset.source),
        shards=settings("shards"),
        state=of_dataset(lambda dataset: dataset.index_state),
        version=versions.INDEX,
    script:
        "../scripts/index.py"
