rule measure:
    """Measure what a trained model has stored."""
    input:
        spec=jobs.spec("measure"),
        files=jobs.inputs("measure"),
    output:
        jobs.outputs("measure"),
    log:
        jobs.log("measure"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("measure")
    resources:
        **jobs.resources("measure"),
    shell:
        RUN
