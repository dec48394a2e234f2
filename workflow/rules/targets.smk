# Names to ask for in every config, whatever variants, seeds and label sets it has (a rule with wildcards is no target):
# `all_` and a stage, `snakemake all_cams`, or what several stages make, `snakemake labels`.
for stage in STAGE_SETTINGS:

    rule:
        name:
            f"all_{stage}"
        input:
            all_of(stage),


rule classifiers:
    input:
        all_of("train_classifier"),


rule labels:
    input:
        all_of("seed_labels"),
        all_of("update_labels"),
        all_of("aalr_labels"),
        all_of("segmenter_labels"),


rule models:
    input:
        all_of("train_auxsegnet"),
        all_of("train_aalr"),
        all_of("train_segmenter"),


rule predictions:
    input:
        all_of("predict"),


rule evaluations:
    input:
        all_of("evaluate"),
