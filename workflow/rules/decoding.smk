rule decoding:
    """Solutions that a model writes in several ways; a killed job resumes where it was."""
    input:
        spec=jobs.spec("decoding"),
        files=jobs.inputs("decoding"),
    output:
        jobs.outputs("decoding"),
    log:
        jobs.log("decoding"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("decoding")
    resources:
        **jobs.resources("decoding"),
    shell:
        RUN
