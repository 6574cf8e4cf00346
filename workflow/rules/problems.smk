rule problems:
    """Train a model on problems that never repeat; a killed training resumes where it was."""
    input:
        spec=jobs.spec("problems"),
        files=jobs.inputs("problems"),
    output:
        jobs.outputs("problems"),
    log:
        jobs.log("problems"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("problems")
    resources:
        **jobs.resources("problems"),
    shell:
        RUN
