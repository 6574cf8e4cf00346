rule evaluate:
    """Take one measure of a trained model."""
    input:
        spec=jobs.spec("evaluate"),
        files=jobs.inputs("evaluate"),
    output:
        jobs.outputs("evaluate"),
    log:
        jobs.log("evaluate"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("evaluate")
    resources:
        **jobs.resources("evaluate"),
    shell:
        RUN
