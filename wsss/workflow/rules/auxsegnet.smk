# Fuse CAMs and saliency into the first pseudo labels, round 0 of AuxSegNet. Rounds of training and updating follow.
rule seed_labels:
    input:
        index=upstream("seed_labels", "index"),
        cams=upstream("seed_labels", "cams"),
        saliency=upstream("seed_labels", "saliency"),
        parts=parts_of("seed_labels"),
    output:
        labels=ensure(artifact("seed_labels"), non_empty=True),
    log:
        log_of("seed_labels"),
    benchmark:
        benchmark_of("seed_labels")
    conda:
        "../envs/wsss.yaml"
    threads: unless_joined(worker_threads(), 1)
    resources:
        mem_mb=memory(2000),
        runtime=minutes("seed_labels", 0.5),
    params:
        digest=digest_of("seed_labels"),
        machine=machine_of,
        settings=settings_of("seed_labels"),
        code=code_of("seed_labels"),
        identity=identity_of("seed_labels"),
        saliency=option("saliency"),
    shell:
        "wsss seed_labels --settings {params.settings:q} --code {params.digest} {params.identity}"
        " --index {input.index:q} --cams {input.cams:q} {params.saliency} --output {output.labels:q}"
        " {params.machine} --threads {threads} --log {log:q} --parent $PPID"


# Train the multi-task network of one round, from the weights of the round before; round 0 takes the classifier's,
# or with `start: backbone` none.
rule train_auxsegnet:
    input:
        index=upstream("train_auxsegnet", "index"),
        labels=upstream("train_auxsegnet", "labels"),
        weights=upstream("train_auxsegnet", "weights"),
    output:
        model=ensure(artifact("train_auxsegnet"), non_empty=True),
    log:
        log_of("train_auxsegnet"),
    benchmark:
        benchmark_of("train_auxsegnet")
    # rounds are the longest chain of a run: what can run beside them waits
    priority: 1
    conda:
        "../envs/wsss.yaml"
    threads: training_threads("models")
    resources:
        **of_training(),
        mem_mb=memory(8000),
        runtime=minutes("train_auxsegnet", 0.2),
    params:
        digest=digest_of("train_auxsegnet"),
        machine=machine_of_training,
        start=start_of_training,
        settings=settings_of("train_auxsegnet"),
        code=code_of("train_auxsegnet"),
        identity=identity_of("train_auxsegnet"),
        weights=option("weights"),
    shell:
        "{params.start}wsss train_auxsegnet --settings {params.settings:q} --code {params.digest} {params.identity}"
        " --index {input.index:q} --labels {input.labels:q} {params.weights} --output {output.model:q}"
        " {params.machine} --threads {threads} --log {log:q} --parent $PPID"


# Make the labels of a round with the network of the round before. The labels of round 0 are the seeds.
rule update_labels:
    input:
        index=upstream("update_labels", "index"),
        model=upstream("update_labels", "model"),
        saliency=upstream("update_labels", "saliency"),
        parts=parts_of("update_labels"),
    output:
        labels=ensure(artifact("update_labels"), non_empty=True),
    log:
        log_of("update_labels"),
    benchmark:
        benchmark_of("update_labels")
    wildcard_constraints:
        **STAGES["update_labels"].constraints,
    priority: 1
    conda:
        "../envs/wsss.yaml"
    threads: unless_joined(network_threads(1 / 2), 1)
    resources:
        gpu=unless_joined(gpus(), 0),
        mem_mb=memory(4000),
        runtime=minutes("update_labels", 0.2),
    params:
        digest=digest_of("update_labels"),
        machine=machine_of,
        settings=settings_of("update_labels"),
        code=code_of("update_labels"),
        identity=identity_of("update_labels"),
    shell:
        "wsss update_labels --settings {params.settings:q} --code {params.digest} {params.identity}"
        " --index {input.index:q} --model {input.model:q} --saliency {input.saliency:q} --output {output.labels:q}"
        " {params.machine} --threads {threads} --log {log:q} --parent $PPID"
