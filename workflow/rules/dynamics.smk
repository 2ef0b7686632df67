# Langevin NVT of water slabs: thicknesses × potentials × replicas (paper, S1.2.1).
import re


rule equilibrate:
    """Build a slab and equilibrate it with the dataset's force field."""
    output:
        "<results>/slabs/{dataset}/{thickness}A/{replica}.extxyz",
    log:
        "<logs>/equilibrate/{dataset}/{thickness}A-{replica}.log",
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        settings=settings(
            "slabs",
            "dynamics/temperature_K",
            "datasets/{dataset}/force_field",
            "seed",
            exclude={"thicknesses_A"},
        ),
    script:
        "../scripts/equilibrate.py"


rule simulate_force_field:
    """Run the force field by LAMMPS; a killed run resumes."""
    input:
        start=start_structure,
    output:
        "<results>/trajectories/{potential}/{thickness}A/{replica}.h5",
    log:
        "<logs>/simulate/{potential}/{thickness}A-{replica}.log",
    benchmark:
        "<benchmarks>/simulate/{potential}/{thickness}A-{replica}.tsv"
    wildcard_constraints:
        potential="|".join(map(re.escape, FORCE_FIELDS)) or "none",
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        settings=settings(
            "dynamics",
            "seed",
            exclude={"dtype", "device", "discard_ps", "neighbour_skin_A", "compile"},
        ),
        n_steps=lambda w: CONFIG.n_steps(w.potential, float(w.thickness)),
    script:
        "../scripts/simulate_force_field.py"


rule simulate_model:
    """Run a trained model through ASE; a killed run resumes."""
    input:
        start=start_structure,
        weights="<results>/models/{potential}/weights.pt",
        description="<results>/models/{potential}/model.json",
    output:
        "<results>/trajectories/{potential}/{thickness}A/{replica}.h5",
    log:
        "<logs>/simulate/{potential}/{thickness}A-{replica}.log",
    benchmark:
        "<benchmarks>/simulate/{potential}/{thickness}A-{replica}.tsv"
    wildcard_constraints:
        potential="|".join(map(re.escape, CONFIG.trained_potentials)) or "none",
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=2500,
    params:
        settings=settings("dynamics", "seed", exclude={"discard_ps"}),
        n_steps=lambda w: CONFIG.n_steps(w.potential, float(w.thickness)),
    script:
        "../scripts/simulate_model.py"
