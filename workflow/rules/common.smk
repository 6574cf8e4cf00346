wildcard_constraints:
    family="|".join(jobs.grid.families),
    figure="|".join(jobs.figures()),
    run="[^/]+",


def record():
    """Tell DVC what is whole now; under `dvc repro` DVC records the stage itself."""
    if "DVC_STAGE" not in os.environ:
        shell(
            f"python -m physlm.cli commit --tier {jobs.tier} --from {jobs.source} || true"
        )


# one target per family and step: what the stages of dvc.yaml ask for
for target, paths in jobs.stages().items():

    rule:
        name:
            target
        input:
            paths,
        localrule: True
