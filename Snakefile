# Train segmentation networks from photographs with image-level labels. Options: profiles/default, presets: `wsss run`.
#   snakemake                          run the demo (config.yaml)
#   snakemake --configfile my.yaml     run your own config; config.yaml is not read
#   snakemake -n                       list the jobs that would run, and why
#   snakemake all_cams                 run up to one stage (`all_`), or to a kind of result: labels, models, ...

if not workflow.config_settings.configfiles:

    configfile: "config.yaml"


include: "wsss/workflow/Snakefile"


# an included file cannot name the target of a bare `snakemake`; in a module, `all` has another name, or is left out
workflow.default_target = (
    workflow.modifier.avail_rulename("all") or workflow.default_target
)
