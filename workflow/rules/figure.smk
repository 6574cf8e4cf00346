rule figure:
    """Draw a figure from its table."""
    input:
        spec=jobs.spec("figure"),
        files=jobs.inputs("figure"),
    output:
        report(jobs.outputs("figure"), category="figures"),
    log:
        jobs.log("figure"),
    conda:
        "../envs/physlm.yaml"
    threads: jobs.threads("figure")
    shell:
        RUN


rule publish:
    """Copy a figure to figures/, where people look for it."""
    input:
        jobs.published_source,
    output:
        "figures/{published}",
    log:
        f"logs/{jobs.tier}/publish/{{published}}.log",
    wildcard_constraints:
        published=jobs.published_names(),
    localrule: True
    conda:
        "../envs/physlm.yaml"
    shell:
        "cp {input} {output} 2> {log}"
