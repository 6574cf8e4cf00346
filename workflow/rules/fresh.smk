rule fresh:
    """Train a new model on texts that never repeat; a killed training resumes where it was."""
    input:
        spec=jobs.spec("fresh"),
        files=jobs.inputs("fresh"),
    output:
        jobs.outputs("fresh"),
    log:
        jobs.log("fresh"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("fresh")
    resources:
        **jobs.resources("fresh"),
    shell:
        RUN
