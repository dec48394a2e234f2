# Weakly supervised semantic segmentation: photographs with image-level labels in, masks and a trained network out.
#
#   snakemake                          the demo (config.yaml)
#   snakemake --configfile my.yaml     a run of your own; nothing of config.yaml enters it
#   snakemake -n                       what would run, and why
#   snakemake all_cams                 up to one stage (`all_`), or what stages make: labels, models, predictions, ...
#
# Options that every run needs are in profiles/default, settings in config.yaml, presets in workflow/presets.

from snakemake.utils import min_version

min_version("9.19")

if not workflow.config_settings.configfiles:

    configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/classifier.smk"
include: "workflow/rules/auxsegnet.smk"
include: "workflow/rules/aalr.smk"
include: "workflow/rules/segmenter.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/targets.smk"


rule all:
    default_target: True
    input:
        rules.report.output,


onsuccess:
    print(where_to_look())
