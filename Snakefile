# signfold: from a folder of isolated sign-language videos to an honestly evaluated recogniser.
#
#   snakemake --cores 8                                                  the report of the configured dataset
#   snakemake --cores 8 results/demo/models/fold-2.done    one fold
#   snakemake --rulegraph | dot -Tsvg > rules.svg                        the picture of it
#
# videos > index > keypoints > tensors > manifest > folds > train > evaluate > report; each word is a rules file.

from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


# On a cluster these take seconds and run beside Snakemake; a job of their own would wait longer than it works.
localrules:
    all,
    index,
    items,
    manifest,
    folds,
    audit,
    pretrain_clips,
    final_clips,
    evaluate,
    figures,
    report,


rule all:
    default_target: True
    input:
        f"results/{config['dataset']}/report.html",


include: "workflow/rules/index.smk"
include: "workflow/rules/keypoints.smk"
include: "workflow/rules/import.smk"
include: "workflow/rules/tensors.smk"
include: "workflow/rules/manifest.smk"
include: "workflow/rules/folds.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/predict.smk"
