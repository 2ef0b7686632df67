# Tables in the shape of the paper's, and the report that holds everything.
rule table_errors:
    """Errors of all models on held-out frames (Table S5)."""
    input:
        errors=expand("<results>/models/{potential}/errors.csv", potential=EVALUATED),
        code=code("products/tables.py"),
    output:
        csv=report(
            "<results>/tables/table_errors.csv",
            caption="../report/table_errors.rst",
            category="Tables",
        ),
        stamp="<results>/tables/table_errors.provenance.json",
    log:
        "<logs>/tables/table_errors.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("potentials"),
    script:
        "../scripts/table_errors.py"


rule table_runs:
    """Cells, lengths and temperatures of all runs (Tables S6 and S7)."""
    input:
        **{name: observables(name, "summary") for name in CONFIG.campaigns},
        code=code("products/tables.py"),
    output:
        csv=report(
            "<results>/tables/table_runs.csv",
            caption="../report/table_runs.rst",
            category="Tables",
        ),
        stamp="<results>/tables/table_runs.provenance.json",
    log:
        "<logs>/tables/table_runs.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("potentials", "slabs", "elongated", "cubic", "dynamics"),
        campaigns=list(CONFIG.campaigns),
    script:
        "../scripts/table_runs.py"


rule table_jobs:
    """Electronic-structure jobs: where they lie, and what became of them."""
    input:
        summaries=of_jobs("summary", *FRAME_SETS),
        code=code("products/tables.py"),
    output:
        csv=report(
            "<results>/tables/table_jobs.csv",
            caption="../report/table_jobs.rst",
            category="Tables",
        ),
        stamp="<results>/tables/table_jobs.provenance.json",
    log:
        "<logs>/tables/table_jobs.log",
    conda:
        "../../envs/falsemetal.yaml"
    script:
        "../scripts/table_jobs.py"


PRODUCTS = FIGURES + ["table_errors"] * bool(EVALUATED)
PRODUCTS += ["table_runs"] * any(p.runs for p in CONFIG.potentials.values())
PRODUCTS += ["table_jobs"] * bool(FRAME_SETS)


rule report:
    """HTML report of all figures and tables, with captions and provenance."""
    input:
        [getattr(rules, name).output for name in PRODUCTS],
    output:
        html="<results>/report.html",
        config="<results>/config.yaml",
    log:
        "<logs>/report.log",
    localrule: True
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("name"),
        targets=PRODUCTS,
    script:
        "../scripts/report.py"
