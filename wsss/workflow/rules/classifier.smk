# Train the classification network, from image-level labels alone.
rule train_classifier:
    input:
        index=upstream("train_classifier", "index"),
        sources=sources("train_classifier"),
    output:
        model=ensure(artifact("train_classifier"), non_empty=True),
    log:
        log_of("train_classifier"),
    benchmark:
        benchmark_of("train_classifier")
    conda:
        "../envs/wsss.yaml"
    threads: training_threads("classifiers")
    resources:
        **of_training(),
        mem_mb=memory(8000),
        runtime=minutes("train_classifier", 0.1),
    params:
        digest=digest_of("train_classifier"),
        machine=machine_of_training,
        start=start_of_training,
        settings=settings_of("train_classifier"),
        code=code_of("train_classifier"),
        identity=identity_of("train_classifier"),
    shell:
        "{params.start}wsss train_classifier --settings {params.settings:q} --code {params.digest} {params.identity}"
        " --index {input.index:q} --output {output.model:q}"
        " {params.machine} --threads {threads} --log {log:q} --parent $PPID"


# Make class activation maps of the training images.
rule cams:
    input:
        index=upstream("cams", "index"),
        classifier=upstream("cams", "classifier"),
        parts=parts_of("cams"),
    output:
        cams=ensure(artifact("cams"), non_empty=True),
    log:
        log_of("cams"),
    benchmark:
        benchmark_of("cams")
    conda:
        "../envs/wsss.yaml"
    threads: unless_joined(network_threads(), 1)
    resources:
        gpu=unless_joined(gpus(), 0),
        mem_mb=memory(4000),
        runtime=minutes("cams", 0.2),
    params:
        digest=digest_of("cams"),
        machine=machine_of,
        settings=settings_of("cams"),
        code=code_of("cams"),
        identity=identity_of("cams"),
    shell:
        "wsss cams --settings {params.settings:q} --code {params.digest} {params.identity}"
        " --index {input.index:q} --classifier {input.classifier:q} --output {output.cams:q}"
        " {params.machine} --threads {threads} --log {log:q} --parent $PPID"
