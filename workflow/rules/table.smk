rule table:
    """Collect the measures of every run of a figure into its CSV."""
    input:
        spec=jobs.spec("table"),
        files=jobs.inputs("table"),
    output:
        jobs.outputs("table"),
    log:
        jobs.log("table"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("table")
    resources:
        **jobs.resources("table"),
    shell:
        RUN
