# Names to ask for in every config, whatever variants, seeds and label sets it has (a rule with wildcards is no target):
# `all_` and a stage, `snakemake all_cams`, or what several stages make, `snakemake labels`.
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
