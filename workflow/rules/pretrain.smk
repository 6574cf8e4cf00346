rule pretrain:
    """Train one model on a corpus; a killed training resumes where it was."""
    input:
        spec=jobs.spec("pretrain"),
        files=jobs.inputs("pretrain"),
    output:
        jobs.outputs("pretrain"),
    log:
        jobs.log("pretrain"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("pretrain")
    resources:
        **jobs.resources("pretrain"),
    shell:
        RUN
