# NVT of slabs and boxes: campaigns × sizes × potentials × replicas (paper, S1.2.1 and S1.2.3).
rule equilibrate:
    """Build a system and equilibrate it with the force field: one start for all potentials."""
    output:
        "<results>/starts/{campaign}/{size}A/{replica}.extxyz",
    log:
        "<logs>/equilibrate/{campaign}/{size}A-{replica}.log",
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        settings=settings(
            "{campaign}",
            "dynamics/temperature_K",
            "start_force_field",
            "seed",
            exclude={"thicknesses_A", "lengths_A"},
        ),
    script:
        "../scripts/equilibrate.py"


rule simulate_force_field:
    """Run the force field by LAMMPS; a killed run resumes."""
    input:
        start="<results>/starts/{campaign}/{size}A/{replica}.extxyz",
    output:
        "<results>/trajectories/{potential}/{campaign}/{size}A/{replica}.h5",
    log:
        "<logs>/simulate/{potential}/{campaign}/{size}A-{replica}.log",
    benchmark:
        "<benchmarks>/simulate/{potential}/{campaign}/{size}A-{replica}.tsv"
    wildcard_constraints:
        potential=one_of(FORCE_FIELDS),
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
        n_steps=n_steps,
    script:
        "../scripts/simulate_force_field.py"


rule simulate_model:
    """Run a trained model or a committee through ASE; a killed run resumes."""
    input:
        start="<results>/starts/{campaign}/{size}A/{replica}.extxyz",
        description="<results>/models/{potential}/model.json",
    output:
        "<results>/trajectories/{potential}/{campaign}/{size}A/{replica}.h5",
    log:
        "<logs>/simulate/{potential}/{campaign}/{size}A-{replica}.log",
    benchmark:
        "<benchmarks>/simulate/{potential}/{campaign}/{size}A-{replica}.tsv"
    wildcard_constraints:
        potential=one_of(BY_MODEL),
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=2500,
    params:
        settings=settings("dynamics", "seed", exclude={"discard_ps"}),
        n_steps=n_steps,
    script:
        "../scripts/simulate_model.py"


rule simulate_cp2k:
    """Run a committee by CP2K with the CSVR thermostat, as in the paper; a killed run resumes."""
    input:
        start="<results>/starts/{campaign}/{size}A/{replica}.extxyz",
        description="<results>/models/{potential}/model.json",
    output:
        "<results>/trajectories/{potential}/{campaign}/{size}A/{replica}.h5",
    log:
        "<logs>/simulate/{potential}/{campaign}/{size}A-{replica}.log",
    benchmark:
        "<benchmarks>/simulate/{potential}/{campaign}/{size}A-{replica}.tsv"
    wildcard_constraints:
        potential=one_of(BY_CP2K),
    conda:
        "../../envs/falsemetal.yaml"
    threads: 2
    resources:
        mem_mb=4000,
    params:
        settings=settings(
            "dynamics",
            "seed",
            exclude={
                "dtype",
                "device",
                "discard_ps",
                "neighbour_skin_A",
                "compile",
                "friction_per_fs",
            },
        ),
        csvr_time_fs=lambda w: CONFIG.potentials[w.potential].csvr_time_fs,
        n_steps=n_steps,
    script:
        "../scripts/simulate_cp2k.py"
