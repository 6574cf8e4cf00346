rule mixed:
    """Train one model on biographies and questions; a killed training resumes where it was."""
    input:
        spec=jobs.spec("mixed"),
        files=jobs.inputs("mixed"),
    output:
        jobs.outputs("mixed"),
    log:
        jobs.log("mixed"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("mixed")
    resources:
        **jobs.resources("mixed"),
    shell:
        RUN
