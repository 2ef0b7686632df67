# Tables in the shape of the paper's, and the report that holds everything.
rule table_errors:
    """Errors of all models on held-out frames (Table S5)."""
    input:
        expand(OUT + "/models/{potential}/errors.csv", potential=CONFIG.trained_potentials),
    output:
        csv=report(
            OUT + "/tables/table_errors.csv", caption="../report/table_errors.rst", category="Tables"
        ),
        stamp=OUT + "/tables/table_errors.provenance.json",
    log:
        OUT + "/logs/tables/table_errors.log",
    params:
        settings=settings("potentials"),
    script:
        "../scripts/table_errors.py"


rule table_runs:
    """Cells, lengths and temperatures of all runs (Table S7)."""
    input:
        SUMMARIES,
    output:
        csv=report(
            OUT + "/tables/table_runs.csv", caption="../report/table_runs.rst", category="Tables"
        ),
        stamp=OUT + "/tables/table_runs.provenance.json",
    log:
        OUT + "/logs/tables/table_runs.log",
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
        html=OUT + "/report.html",
        config=OUT + "/config.yaml",
    log:
        OUT + "/logs/report.log",
    localrule: True
    script:
        "../scripts/report.py"
