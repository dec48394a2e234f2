# Targets that every config has, with any variants, seeds and label sets (rules with wildcards cannot be targets).
# Ask for one stage by `all_` and its name, `snakemake all_cams`, or for one kind of artifact, `snakemake labels`.
for stage in STAGES:

    rule:
        name:
            f"all_{stage}"
        input:
            all_of(stage),


for kind in ("classifiers", "labels", "models", "predictions", "evaluations"):

    rule:
        name:
            kind
        input:
            [path for stage in stages_making(kind) for path in all_of(stage)],
