"""Physics of Language Models: data -> pretrain -> measure -> table -> figure -> claims.

snakemake --cores 8 figures/capacity.pdf              one figure and whatever it needs
snakemake --cores 8                                   everything in params.yaml
snakemake --cores 8 --config tier=smoke               a one-off at another tier, beside the rest
snakemake figures/capacity.pdf --config from=tables   draw from committed tables, train nothing
"""

import os
import sys

from snakemake.utils import min_version

from physlm.config import ConfigError
from physlm.provenance.workflow import RUN, Workflow, mend

min_version("9.18")

try:  # judge every job against its lock, see docs/pipeline.md
    jobs = Workflow(
        config,
        main=workflow.is_main_process,
        dry=workflow.output_settings.dryrun or "--lint" in sys.argv,
        remote=workflow.remote_exec,
    )
except ConfigError as error:
    sys.exit(f"error: {error}")
if not workflow.is_main_process:
    mend(workflow)


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/finetune.smk"
include: "workflow/rules/mixed.smk"
include: "workflow/rules/fresh.smk"
include: "workflow/rules/problems.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/exam.smk"
include: "workflow/rules/probe.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/tree_probe.smk"
include: "workflow/rules/v_probe.smk"
include: "workflow/rules/decoding.smk"
include: "workflow/rules/table.smk"
include: "workflow/rules/figure.smk"
include: "workflow/rules/claims.smk"


rule all:
    default_target: True
    input:
        jobs.targets(),


onsuccess:
    record()


onerror:
    record()
