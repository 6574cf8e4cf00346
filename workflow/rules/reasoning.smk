rule reasoning:
    """Let a model solve problems, and grade what it writes."""
    input:
        spec=jobs.spec("reasoning"),
        files=jobs.inputs("reasoning"),
    output:
        jobs.outputs("reasoning"),
    log:
        jobs.log("reasoning"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("reasoning")
    resources:
        **jobs.resources("reasoning"),
    shell:
        RUN
