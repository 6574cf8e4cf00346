rule v_probe:
    """What V-probes read of a model that solves problems; a killed job resumes where it was."""
    input:
        spec=jobs.spec("v_probe"),
        files=jobs.inputs("v_probe"),
    output:
        jobs.outputs("v_probe"),
    log:
        jobs.log("v_probe"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("v_probe")
    resources:
        **jobs.resources("v_probe"),
    shell:
        RUN
