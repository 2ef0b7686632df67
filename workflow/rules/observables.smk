# What is read off the trajectories of one system, all replicas together.
rule observe_slab:
    """Dipole, potential drop, correlation and density of a slab (paper, S1.0.3, S1.0.4)."""
    input:
        trajectories=replicas,
        code=code("estimators/*.py", "observables/*.py"),
    output:
        summary="<results>/observables/{potential}/{campaign}/{size}A/summary.csv",
        dipole="<results>/observables/{potential}/{campaign}/{size}A/dipole.csv",
        cumulative="<results>/observables/{potential}/{campaign}/{size}A/cumulative.csv",
        density="<results>/observables/{potential}/{campaign}/{size}A/density.csv",
        autocorrelation="<results>/observables/{potential}/{campaign}/{size}A/autocorrelation.csv",
    log:
        "<logs>/observe/{potential}/{campaign}/{size}A.log",
    wildcard_constraints:
        campaign="slabs",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("analysis", "dynamics/discard_ps"),
        charge=lambda w: dipole_charge(w.potential),
    script:
        "../scripts/observe_slab.py"


# where the potential of a cell is computed
COULOMB = [
    "electrostatics/*.py",
]


rule observe_bulk:
    """ΔV of a periodic cell and its correlation (paper, S1.2.3)."""
    input:
        trajectories=replicas,
        code=code("estimators/*.py", "observables/*.py", *COULOMB),
    output:
        summary="<results>/observables/{potential}/{campaign}/{size}A/summary.csv",
        potential="<results>/observables/{potential}/{campaign}/{size}A/potential.csv",
        autocorrelation="<results>/observables/{potential}/{campaign}/{size}A/autocorrelation.csv",
    log:
        "<logs>/observe/{potential}/{campaign}/{size}A.log",
    wildcard_constraints:
        campaign="elongated|cubic",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("analysis", "dynamics/discard_ps"),
        charge=lambda w: dipole_charge(w.potential),
    script:
        "../scripts/observe_bulk.py"


rule observe_rdf:
    """Radial distributions of a periodic cell (paper, Fig. S7)."""
    input:
        trajectories=replicas,
        code=code("estimators/*.py", "observables/*.py"),
    output:
        "<results>/observables/{potential}/{campaign}/{size}A/rdf.csv",
    log:
        "<logs>/observe/{potential}/{campaign}/{size}A-rdf.log",
    wildcard_constraints:
        campaign="elongated|cubic",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings("analysis", "dynamics/discard_ps"),
    script:
        "../scripts/observe_rdf.py"
