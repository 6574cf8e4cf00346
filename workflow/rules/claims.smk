rule claims:
    """Judge every claim of the ledger by the tables."""
    input:
        spec=jobs.spec("claims"),
        files=jobs.inputs("claims"),
    output:
        jobs.outputs("claims"),
    log:
        jobs.log("claims"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("claims")
    resources:
        **jobs.resources("claims"),
    shell:
        RUN
