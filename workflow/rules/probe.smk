rule probe:
    """Train linear probes on a frozen model; a killed training resumes where it was."""
    input:
        spec=jobs.spec("probe"),
        files=jobs.inputs("probe"),
    output:
        jobs.outputs("probe"),
    log:
        jobs.log("probe"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("probe")
    resources:
        **jobs.resources("probe"),
    shell:
        RUN
