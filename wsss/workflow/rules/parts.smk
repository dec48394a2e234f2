# With `runtime.shards: N`, N jobs make an artifact, each a part of its images on its own GPU or node. The command is that of
# the stage; the rule of the stage then joins the parts.
if SHARDS > 1:

    use rule saliency as saliency_part with:
        output:
            saliency=ensure(part("saliency"), non_empty=True),
        log:
            part_log_of("saliency"),
        benchmark:
            part_benchmark_of("saliency")

    use rule cams as cams_part with:
        output:
            cams=ensure(part("cams"), non_empty=True),
        log:
            part_log_of("cams"),
        benchmark:
            part_benchmark_of("cams")

    use rule seed_labels as seed_labels_part with:
        output:
            labels=ensure(part("seed_labels"), non_empty=True),
        log:
            part_log_of("seed_labels"),
        benchmark:
            part_benchmark_of("seed_labels")

    use rule update_labels as update_labels_part with:
        output:
            labels=ensure(part("update_labels"), non_empty=True),
        log:
            part_log_of("update_labels"),
        benchmark:
            part_benchmark_of("update_labels")

    use rule aalr_labels as aalr_labels_part with:
        output:
            labels=ensure(part("aalr_labels"), non_empty=True),
        log:
            part_log_of("aalr_labels"),
        benchmark:
            part_benchmark_of("aalr_labels")

    use rule segmenter_labels as segmenter_labels_part with:
        output:
            labels=ensure(part("segmenter_labels"), non_empty=True),
        log:
            part_log_of("segmenter_labels"),
        benchmark:
            part_benchmark_of("segmenter_labels")

    use rule refine_labels as refine_labels_part with:
        output:
            labels=ensure(part("refine_labels"), non_empty=True),
        log:
            part_log_of("refine_labels"),
        benchmark:
            part_benchmark_of("refine_labels")

    use rule predict as predict_part with:
        output:
            predictions=ensure(part("predict"), non_empty=True),
        log:
            part_log_of("predict"),
        benchmark:
            part_benchmark_of("predict")
