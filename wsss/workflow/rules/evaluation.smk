# Predict a split with a network, by one protocol (scales, flip, CRF). One job for all protocols would save a start of 5 s
# each, but needs `update()`: when such a job fails, Snakemake (9.27) restores the old files and records them as made with
# the new settings, so that they stay, out of date.
rule predict:
    input:
        index=upstream("predict", "index"),
        model=upstream("predict", "model"),
        parts=parts_of("predict"),
    output:
        predictions=ensure(artifact("predict"), non_empty=True),
    log:
        log_of("predict"),
    benchmark:
        benchmark_of("predict")
    conda:
        "../envs/wsss.yaml"
    threads: unless_joined(network_threads(1 / 2), 1)
    resources:
        gpu=unless_joined(gpus(), 0),
        mem_mb=memory(4000),
        runtime=minutes("predict", 0.2),
    params:
        digest=digest_of("predict"),
        machine=machine_of,
        settings=settings_of("predict"),
        code=code_of("predict"),
        identity=identity_of("predict"),
    shell:
        "wsss predict {input.model:q} --settings {params.settings:q} --code {params.digest} {params.identity}"
        " --index {input.index:q} --split {wildcards.split} --protocol-name {wildcards.protocol}"
        " --output {output.predictions:q}"
        " {params.machine} --threads {threads} --log {log:q} --parent $PPID"


# Score everything that a branch (variant and seed) uses, its own or shared.
rule evaluate:
    input:
        index=artifact("index"),
        saliency=of_branch("saliency"),
        cams=of_branch("cams"),
        labels=of_branch("labels"),
        predictions=of_branch("predictions"),
    output:
        metrics=ensure(artifact("evaluate"), non_empty=True),
    log:
        log_of("evaluate"),
    benchmark:
        benchmark_of("evaluate")
    conda:
        "../envs/wsss.yaml"
    threads: worker_threads()
    resources:
        mem_mb=memory(2000),
        runtime=minutes("evaluate", 0.5),
    params:
        digest=digest_of("evaluate"),
        machine=machine_alone,
        settings=settings_of("evaluate"),
        code=code_of("evaluate"),
        identity=identity_of("evaluate"),
        saliency=option("saliency"),
        cams=option("cams"),
        labels=named_options("labels"),
        predictions=named_options("predictions"),
    shell:
        "wsss evaluate --settings {params.settings:q} --code {params.digest} {params.identity}"
        " --index {input.index:q} {params.saliency} {params.cams} {params.labels} {params.predictions}"
        " --output {output.metrics:q}"
        " {params.machine} --threads {threads} --log {log:q} --parent $PPID"


# Write the report, a page and its pictures, over all branches.
rule report:
    input:
        index=artifact("index"),
        saliency=all_of("saliency"),
        evaluations=all_of("evaluate"),
    output:
        page=report(artifact("report"), caption="../report/page.rst", category="Page"),
        contact_sheet=report(
            figure("contact_sheet.jpg"),
            caption="../report/contact_sheet.rst",
            category="Images",
            subcategory="Whole run",
        ),
        predictions=report(
            figure("predictions.jpg"),
            caption="../report/predictions.rst",
            category="Images",
            subcategory="Whole run",
        ),
        rounds_sheet=report(
            figure("rounds.jpg"),
            caption="../report/rounds_sheet.rst",
            category="Images",
            subcategory="Whole run",
        ),
        pipeline=report(
            figure("pipeline.svg"),
            caption="../report/pipeline.rst",
            category="Numbers",
        ),
        rounds=report(
            figure("rounds.svg"), caption="../report/rounds.rst", category="Numbers"
        ),
        classes=report(
            figure("classes.svg"), caption="../report/classes.rst", category="Numbers"
        ),
        thresholds=report(
            figure("thresholds.svg"),
            caption="../report/thresholds.rst",
            category="Numbers",
        ),
        curves=report(
            figure("curves.svg"), caption="../report/curves.rst", category="Numbers"
        ),
        masks=report(
            figure("masks.svg"), caption="../report/masks.rst", category="Numbers"
        ),
        numbers=report(
            figure("numbers.html"),
            caption="../report/numbers.rst",
            category="Numbers",
        ),
        sheets=report(
            directory(figure("sheets")),
            patterns=["{sheet}.jpg"],
            caption="../report/sheets.rst",
            category="Images",
            subcategory="Labels and networks",
            labels={"sheet": "{sheet}"},
        ),
    log:
        log_of("report"),
    benchmark:
        benchmark_of("report")
    conda:
        "../envs/wsss.yaml"
    resources:
        mem_mb=memory(4000),
        runtime=minutes("report", 0.1),
    params:
        digest=digest_of("report"),
        machine=machine_alone,
        settings=settings_of("report"),
        code=code_of("report"),
        identity=identity_of("report"),
        saliency=option("saliency"),
        evaluations=repeated("evaluation", "evaluations"),
    shell:
        "wsss report --settings {params.settings:q} --code {params.digest} {params.identity}"
        " --index {input.index:q} {params.saliency} {params.evaluations} --output {output.page:q}"
        " {params.machine} --threads {threads} --log {log:q} --parent $PPID"
