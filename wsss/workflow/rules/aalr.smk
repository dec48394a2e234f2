# Train AA&LR from image-level labels. It makes its masks on the way. `start: classifier` starts from that network.
rule train_aalr:
    input:
        index=upstream("train_aalr", "index"),
        classifier=upstream("train_aalr", "classifier"),
        cams=upstream("train_aalr", "cams"),
        sources=sources("train_aalr"),
    output:
        model=ensure(artifact("train_aalr"), non_empty=True),
    log:
        log_of("train_aalr"),
    benchmark:
        benchmark_of("train_aalr")
    conda:
        "../envs/wsss.yaml"
    threads: training_threads("models")
    resources:
        **of_training(),
        mem_mb=memory(8000),
        runtime=minutes("train_aalr", 0.2),
    params:
        digest=digest_of("train_aalr"),
        machine=machine_of_training,
        start=start_of_training,
        settings=settings_of("train_aalr"),
        code=code_of("train_aalr"),
        identity=identity_of("train_aalr"),
        classifier=option("classifier"),
        cams=option("cams"),
    shell:
        "{params.start}wsss train_aalr --settings {params.settings:q} --code {params.digest} {params.identity}"
        " --index {input.index:q} {params.classifier} {params.cams} --output {output.model:q}"
        " {params.machine} --threads {threads} --log {log:q} --parent $PPID"


# Label the training images with this network, to train a segmenter on and to judge.
rule aalr_labels:
    input:
        index=upstream("aalr_labels", "index"),
        model=upstream("aalr_labels", "model"),
        parts=parts_of("aalr_labels"),
    output:
        labels=ensure(artifact("aalr_labels"), non_empty=True),
    log:
        log_of("aalr_labels"),
    benchmark:
        benchmark_of("aalr_labels")
    conda:
        "../envs/wsss.yaml"
    threads: unless_joined(network_threads(1 / 2), 1)
    resources:
        gpu=unless_joined(gpus(), 0),
        mem_mb=memory(4000),
        runtime=minutes("aalr_labels", 0.2),
    params:
        digest=digest_of("aalr_labels"),
        machine=machine_of,
        settings=settings_of("aalr_labels"),
        code=code_of("aalr_labels"),
        identity=identity_of("aalr_labels"),
    shell:
        "wsss aalr_labels --settings {params.settings:q} --code {params.digest} {params.identity}"
        " --index {input.index:q} --model {input.model:q} --output {output.labels:q}"
        " {params.machine} --threads {threads} --log {log:q} --parent $PPID"
