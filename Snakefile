# falsemetal: sources → datasets → models → trajectories → observables → figures and tables
import os

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from falsemetal.config import ConfigError, load_config

min_version("9.0")


# read by the package, which knows lines and keys, and not as a `configfile:`
FILES = workflow.configfiles or [f"{workflow.basedir}/config/demo.yaml"]
try:
    CONFIG = load_config(
        *(os.path.relpath(path) for path in FILES),
        overrides=workflow.config_settings.config or {},
    )
except ConfigError as error:
    raise WorkflowError(str(error))


# with verdicts, once the report's own job has written it
INTRODUCTION = os.path.abspath(f"results/{CONFIG.name}/report.rst")


report: INTRODUCTION if os.path.exists(INTRODUCTION) else "workflow/report/workflow.rst"


pathvars:
    results=f"results/{CONFIG.name}",
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


include: "workflow/rules/common.smk"
include: "workflow/rules/datasets.smk"
include: "workflow/rules/loops.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/check.smk"
include: "workflow/rules/dynamics.smk"
include: "workflow/rules/observables.smk"
include: "workflow/rules/responses.smk"
include: "workflow/rules/electronic.smk"
include: "workflow/rules/products.smk"


rule all:
    default_target: True
    input:
        [getattr(rules, name).output for name in PLAN.wanted],
        rules.report.output,


onstart:
    claim(RESULTS, SOURCE)
    # a cluster's jobs share no number of cores; `workflow.cores` refuses to be asked there
    if cores := workflow.resource_settings.cores:
        Outlook(PLAN, str(RESULTS), workflow.dag, cores).announce()


onsuccess:
    announce(PLAN, RESULTS)


onerror:
    salvage(
        PLAN,
        RESULTS,
        workflow.dag_settings.targets,
        workflow=Path(workflow.main_snakefile),
    )
