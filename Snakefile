# Train segmentation networks from photographs with image-level labels. Options: profiles/default, workflow/presets.
#   snakemake                          run the demo (config.yaml)
#   snakemake --configfile my.yaml     run your own config; config.yaml is not read
#   snakemake -n                       list the jobs that would run, and why
#   snakemake all_cams                 run up to one stage (`all_`), or to a kind of result: labels, models, ...

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
include: "workflow/rules/parts.smk"
include: "workflow/rules/targets.smk"


rule all:
    default_target: True
    input:
        rules.report.output,


onsuccess:
    print(where_to_look())
