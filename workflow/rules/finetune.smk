rule finetune:
    """Train a pretrained model on questions about half of the people."""
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
