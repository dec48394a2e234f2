# Names to ask for, whatever variants, seeds and label sets a config has: `snakemake labels`.
rule classifiers:
    input:
        all_of("train_classifier"),


rule all_cams:
    input:
        all_of("cams"),


rule labels:
    input:
        all_of("seed_labels"),
        all_of("segmenter_labels"),


rule models:
    input:
        all_of("train_segmenter"),


rule predictions:
    input:
        all_of("predict"),


rule evaluations:
    input:
        all_of("evaluate"),
