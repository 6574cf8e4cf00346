rule finetune:
    """Finetune one model on questions; a killed training resumes where it was."""
    input:
        spec=jobs.spec("finetune"),
        files=jobs.inputs("finetune"),
    output:
        jobs.outputs("finetune"),
    log:
        jobs.log("finetune"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("finetune")
    resources:
        **jobs.resources("finetune"),
    shell:
        RUN
