# falsemetal: sources → datasets → models → trajectories → observables → figures and tables
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version, update_config

from falsemetal.config import ConfigError, parse_config

min_version("9.0")


report: "workflow/report/workflow.rst"


# not a `configfile:`, into which --configfile would be merged key by key
if not workflow.configfiles:
    default = yaml.safe_load(Path(workflow.basedir, "config/demo.yaml").read_text())
    update_config(default, config)
    config.update(default)

try:
    CONFIG = parse_config(
        config, source=", ".join(map(str, workflow.configfiles)) or "config/demo.yaml"
    )
except ConfigError as error:
    raise WorkflowError(str(error))


pathvars:
    results=f"results/{CONFIG.name}",
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


include: "workflow/rules/common.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/dynamics.smk"
include: "workflow/rules/observables.smk"
include: "workflow/rules/jobs.smk"
include: "workflow/rules/electronic.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/tables.smk"


rule all:
    default_target: True
    input:
        [getattr(rules, name).output for name in PRODUCTS],
        rules.report.output,


onsuccess:
    announce(f"results/{CONFIG.name}")
