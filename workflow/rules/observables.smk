# Dipole, potential drop, correlation and density of a slab (paper, S1.0.3, S1.0.4, S1.1.3).
rule observe:
    """Observables of all replicas of a potential at one thickness."""
    input:
        replicas(OUT + "/trajectories/{potential}/{thickness}A/{replica}.h5"),
    output:
        summary=OUT + "/observables/{potential}/{thickness}A/summary.csv",
        dipole=OUT + "/observables/{potential}/{thickness}A/dipole.csv",
        cumulative=OUT + "/observables/{potential}/{thickness}A/cumulative.csv",
        density=OUT + "/observables/{potential}/{thickness}A/density.csv",
        autocorrelation=OUT + "/observables/{potential}/{thickness}A/autocorrelation.csv",
    log:
        OUT + "/logs/observe/{potential}/{thickness}A.log",
    params:
        settings=settings("analysis", "dynamics/discard_ps", "seed"),
        charge=lambda w: CONFIG.datasets[CONFIG.potentials[w.potential].dataset].dipole_charge_O,
    script:
        "../scripts/observe.py"
