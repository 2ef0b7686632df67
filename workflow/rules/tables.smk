# Tables in the shape of the paper's, and the report that holds everything.
rule table_errors:
    """Errors of all models on held-out frames (Table S5)."""
    input:
        errors=expand(
            "<results>/models/{potential}/errors.csv",
            potential=CONFIG.trained_potentials,
        ),
        code=code("tables.py"),
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
    """Cells, lengths and temperatures of all runs (Table S7)."""
    input:
        summaries=observables("summary", THICKNESSES),
        code=code("tables.py"),
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
        settings=settings("potentials", "slabs", "dynamics"),
    script:
        "../scripts/table_runs.py"


rule report:
    """HTML report of all figures and tables, with captions and provenance."""
    input:
        rules.fig3a.output,
        rules.figS8.output,
        rules.density.output,
        rules.table_errors.output,
        rules.table_runs.output,
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
        targets=["fig3a", "figS8", "density", "table_errors", "table_runs"],
    script:
        "../scripts/report.py"
