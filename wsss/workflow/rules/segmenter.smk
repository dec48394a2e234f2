# Train a standard segmentation network, fully supervised by one label set or by the true masks.
rule train_segmenter:
    input:
        index=upstream("train_segmenter", "index"),
        labels=upstream("train_segmenter", "labels"),
        sources=sources("train_segmenter"),
    output:
        model=ensure(artifact("train_segmenter"), non_empty=True),
    log:
        log_of("train_segmenter"),
    benchmark:
        benchmark_of("train_segmenter")
    conda:
        "../envs/wsss.yaml"
    threads: training_threads("models")
    resources:
        **of_training(),
        mem_mb=memory(8000),
        runtime=minutes("train_segmenter", 0.1),
    params:
        digest=digest_of("train_segmenter"),
        machine=machine_of_training,
        start=start_of_training,
        settings=settings_of("train_segmenter"),
        code=code_of("train_segmenter"),
        identity=identity_of("train_segmenter"),
        labels=option("labels"),
    shell:
        "{params.start}wsss train_segmenter --settings {params.settings:q} --code {params.digest} {params.identity}"
        " --index {input.index:q} {params.labels} --output {output.model:q}"
        " {params.machine} --threads {threads} --log {log:q} --parent $PPID"


# Predict that network's own training images, as labels for the next network.
rule segmenter_labels:
    input:
        index=upstream("segmenter_labels", "index"),
        segmenter=upstream("segmenter_labels", "segmenter"),
        saliency=upstream("segmenter_labels", "saliency"),
        parts=parts_of("segmenter_labels"),
    output:
        labels=ensure(artifact("segmenter_labels"), non_empty=True),
    log:
        log_of("segmenter_labels"),
    benchmark:
        benchmark_of("segmenter_labels")
    conda:
        "../envs/wsss.yaml"
    threads: unless_joined(network_threads(1 / 2), 1)
    resources:
        gpu=unless_joined(gpus(), 0),
        mem_mb=memory(4000),
        runtime=minutes("segmenter_labels", 0.2),
    params:
        digest=digest_of("segmenter_labels"),
        machine=machine_of,
        settings=settings_of("segmenter_labels"),
        code=code_of("segmenter_labels"),
        identity=identity_of("segmenter_labels"),
        saliency=option("saliency"),
    shell:
        "wsss segmenter_labels --settings {params.settings:q} --code {params.digest} {params.identity}"
        " --index {input.index:q} --segmenter {input.segmenter:q} {params.saliency} --output {output.labels:q}"
        " {params.machine} --threads {threads} --log {log:q} --parent $PPID"


# Any label set, refined by the colours of the photographs.
rule refine_labels:
    input:
        index=upstream("refine_labels", "index"),
        labels=upstream("refine_labels", "labels"),
        parts=parts_of("refine_labels"),
    output:
        labels=ensure(artifact("refine_labels"), non_empty=True),
    log:
        log_of("refine_labels"),
    benchmark:
        benchmark_of("refine_labels")
    conda:
        "../envs/wsss.yaml"
    threads: unless_joined(network_threads(), 1)
    resources:
        gpu=unless_joined(gpus(), 0),
        mem_mb=memory(4000),
        runtime=minutes("refine_labels", 0.2),
    params:
        digest=digest_of("refine_labels"),
        machine=machine_of,
        settings=settings_of("refine_labels"),
        code=code_of("refine_labels"),
        identity=identity_of("refine_labels"),
    shell:
        "wsss refine_labels --settings {params.settings:q} --code {params.digest} {params.identity}"
        " --index {input.index:q} --labels {input.labels:q} --output {output.labels:q}"
        " {params.machine} --threads {threads} --log {log:q} --parent $PPID"
