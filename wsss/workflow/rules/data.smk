# Read photographs, lists and labels of any source into one index. No other rule reads sources of a data set.
rule index:
    input:
        sources=sources("index"),
    output:
        index=ensure(artifact("index"), non_empty=True),
    log:
        log_of("index"),
    benchmark:
        benchmark_of("index")
    conda:
        "../envs/wsss.yaml"
    threads: worker_threads()
    resources:
        mem_mb=memory(2000),
        runtime=minutes("index", 1),
    params:
        digest=digest_of("index"),
        machine=machine_alone,
        settings=settings_of("index"),
        code=code_of("index"),
        identity=identity_of("index"),
        folders=fingerprint_of("index"),
    shell:
        "wsss index --settings {params.settings:q} --code {params.digest} {params.identity}"
        " --output {output.index:q}"
        " {params.machine} --threads {threads} --log {log:q} --parent $PPID"


# Make one class-agnostic saliency map per training image.
rule saliency:
    input:
        index=upstream("saliency", "index"),
        sources=sources("saliency"),
        parts=parts_of("saliency"),
    output:
        saliency=ensure(artifact("saliency"), non_empty=True),
    log:
        log_of("saliency"),
    benchmark:
        benchmark_of("saliency")
    conda:
        "../envs/wsss.yaml"
    # the classifier trains beside it
    threads: unless_joined(min(worker_threads(), network_threads(1 / 2)), 1)
    resources:
        mem_mb=memory(4000),
        runtime=minutes("saliency", 1),
    params:
        digest=digest_of("saliency"),
        machine=machine_of,
        settings=settings_of("saliency"),
        code=code_of("saliency"),
        identity=identity_of("saliency"),
        folders=fingerprint_of("saliency"),
    shell:
        "wsss saliency --settings {params.settings:q} --code {params.digest} {params.identity}"
        " --index {input.index:q} --output {output.saliency:q}"
        " {params.machine} --threads {threads} --log {log:q} --parent $PPID"
