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
        gpu=gpus(training=True),
        mem_mb=8000,
        code=digest_of("train_segmenter"),
        machine=MACHINE,
    params:
        settings=settings_of("train_segmenter"),
        code=code_of("train_segmenter"),
        identity=identity_of("train_segmenter"),
        labels=option("labels"),
    shell:
        "wsss train_segmenter --settings {params.settings:q} --code {resources.code} {params.identity}"
        " --index {input.index:q} {params.labels} --output {output.model:q}"
        " {resources.machine} --threads {threads} --log {log:q} --parent $PPID"


# Predict that network's own training images, as labels for the next network.
rule segmenter_labels:
    input:
        index=upstream("segmenter_labels", "index"),
        segmenter=upstream("segmenter_labels", "segmenter"),
        saliency=upstream("segmenter_labels", "saliency"),
    output:
        labels=ensure(artifact("segmenter_labels"), non_empty=True),
    log:
        log_of("segmenter_labels"),
    benchmark:
        benchmark_of("segmenter_labels")
    conda:
        "../envs/wsss.yaml"
    threads: network_threads(1 / 2)
    resources:
        gpu=gpus(),
        mem_mb=4000,
        code=digest_of("segmenter_labels"),
        machine=MACHINE,
    params:
        settings=settings_of("segmenter_labels"),
        code=code_of("segmenter_labels"),
        identity=identity_of("segmenter_labels"),
        saliency=option("saliency"),
    shell:
        "wsss segmenter_labels --settings {params.settings:q} --code {resources.code} {params.identity}"
        " --index {input.index:q} --segmenter {input.segmenter:q} {params.saliency} --output {output.labels:q}"
        " {resources.machine} --threads {threads} --log {log:q} --parent $PPID"


# Any label set, refined by the colours of the photographs.
rule refine_labels:
    input:
        index=upstream("refine_labels", "index"),
        labels=upstream("refine_labels", "labels"),
    output:
        labels=ensure(artifact("refine_labels"), non_empty=True),
    log:
        log_of("refine_labels"),
    benchmark:
        benchmark_of("refine_labels")
    conda:
        "../envs/wsss.yaml"
    threads: network_threads()
    resources:
        gpu=gpus(),
        mem_mb=4000,
        code=digest_of("refine_labels"),
        machine=MACHINE,
    params:
        settings=settings_of("refine_labels"),
        code=code_of("refine_labels"),
        identity=identity_of("refine_labels"),
    shell:
        "wsss refine_labels --settings {params.settings:q} --code {resources.code} {params.identity}"
        " --index {input.index:q} --labels {input.labels:q} --output {output.labels:q}"
        " {resources.machine} --threads {threads} --log {log:q} --parent $PPID"
