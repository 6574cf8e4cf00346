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
    resources:
        **jobs.resources("figure"),
    shell:
        RUN


rule publish:
    """Copy a figure, in both formats, to figures/, where people look for it."""
    input:
        jobs.published_sources,
    output:
        pdf="figures/{published}.pdf",
        png="figures/{published}.png",
    log:
        f"logs/{jobs.tier}/publish/{{published}}.log",
    wildcard_constraints:
        published=jobs.published_names(),
    localrule: True
    conda:
        "../envs/physlm.yaml"
    shell:
        "cp {input} $(dirname {output.pdf}) 2> {log}"
