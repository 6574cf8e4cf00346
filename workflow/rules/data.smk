rule data:
    """Draw the people of a world and write their corpus."""
    input:
        spec=jobs.spec("data"),
        files=jobs.inputs("data"),
    output:
        jobs.outputs("data"),
    log:
        jobs.log("data"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("data")
    resources:
        **jobs.resources("data"),
    shell:
        RUN
