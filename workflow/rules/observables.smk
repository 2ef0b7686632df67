# Dipole, potential drop, correlation and density of a slab (paper, S1.0.3, S1.0.4, S1.1.3).
rule observe:
    """Observables of all replicas of a potential at one thickness."""
    input:
        trajectories=replicas(
            "<results>/trajectories/{potential}/{thickness}A/{replica}.h5"
        ),
        code=code("analysis/*.py"),
    output:
        summary="<results>/observables/{potential}/{thickness}A/summary.csv",
        dipole="<results>/observables/{potential}/{thickness}A/dipole.csv",
        cumulative="<results>/observables/{potential}/{thickness}A/cumulative.csv",
        density="<results>/observables/{potential}/{thickness}A/density.csv",
        autocorrelation="<results>/observables/{potential}/{thickness}A/autocorrelation.csv",
    log:
        "<logs>/observe/{potential}/{thickness}A.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("analysis", "dynamics/discard_ps"),
        charge=lambda w: CONFIG.datasets[
            CONFIG.potentials[w.potential].dataset
        ].dipole_charge_O,
    script:
        "../scripts/observe.py"
