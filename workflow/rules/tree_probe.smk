rule tree_probe:
    """Probe a trained model for the hidden trees of its grammar."""
    input:
        spec=jobs.spec("tree_probe"),
        files=jobs.inputs("tree_probe"),
    output:
        jobs.outputs("tree_probe"),
    log:
        jobs.log("tree_probe"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("tree_probe")
    resources:
        **jobs.resources("tree_probe"),
    shell:
        RUN
