# The first pseudo labels, from CAMs and saliency: round 0 of AuxSegNet, whose rounds of training and updating follow.
rule seed_labels:
    input:
        index=upstream("seed_labels", "index"),
        cams=upstream("seed_labels", "cams"),
        saliency=upstream("seed_labels", "saliency"),
    output:
        labels=ensure(artifact("seed_labels"), non_empty=True),
    log:
        log_of("seed_labels"),
    benchmark:
        benchmark_of("seed_labels")
    conda:
        "../../envs/wsss.yaml"
    threads: worker_threads()
    resources:
        mem_mb=2000,
        code=digest_of("seed_labels"),
        machine=MACHINE,
    params:
        settings=settings_of("seed_labels"),
        code=code_of("seed_labels"),
        identity=identity_of("seed_labels"),
        saliency=option("saliency"),
    shell:
        "wsss seed_labels --settings {params.settings:q} --code {resources.code} {params.identity}"
        " --index {input.index:q} --cams {input.cams:q} {params.saliency} --output {output.labels:q}"
        " {resources.machine} --threads {threads} --log {log:q} --parent $PPID"
