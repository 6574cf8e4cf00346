rule exam:
    """Ask a trained model about the people of its corpus."""
    input:
        spec=jobs.spec("exam"),
        files=jobs.inputs("exam"),
    output:
        jobs.outputs("exam"),
    log:
        jobs.log("exam"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("exam")
    resources:
        **jobs.resources("exam"),
    shell:
        RUN
