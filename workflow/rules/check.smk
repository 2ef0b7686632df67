# Single points that tell whether a potential feels a slab's dipole.
rule check:
    """Stack a cell of the liquid in vacuum under a potential (falsemetal.verdict)."""
    input:
        model=lambda w: PLAN.model(w.potential),
        probes=[probe for probe in CONFIG.check.probes if probe not in SHIPPED],
        code=code_of(["falsemetal.verdict.job"]),
    output:
        multiext(
            "<results>/checks/{potential}/",
            "increments.csv",
            "depolarisation.csv",
            "verdict.csv",
            "check.json",
            "check.png",
            "check.html",
        ),
    log:
        "<logs>/check/{potential}.log",
    wildcard_constraints:
        potential=one_of(PLAN.checked),
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=3000,
    params:
        **specified(PLAN.check, "potential"),
        models=str(RESULTS / "models"),
    script:
        "../scripts/check.py"
