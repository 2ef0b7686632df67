# NVT of all campaigns: sizes × potentials × replicas (paper, S1.2.1 and S1.2.3).
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
        **specified(PLAN.start, "campaign", "size", "replica"),
    script:
        "../scripts/equilibrate.py"


# by program: threads, memory
for program, threads_each, memory_mb in (
    ("lammps", 1, 1000),
    ("ase", 1, 2500),
    ("foreign", 1, 4000),
    ("cp2k", 2, 4000),
):

    rule:
        name:
            f"simulate_{program}"
        input:
            start="<results>/starts/{campaign}/{size}A/{replica}.extxyz",
            model=lambda w: PLAN.model(w.potential),
        output:
            "<results>/trajectories/{potential}/{campaign}/{size}A/{replica}.h5",
        log:
            "<logs>/simulate/{potential}/{campaign}/{size}A-{replica}.log",
        benchmark:
            "<benchmarks>/simulate/{potential}/{campaign}/{size}A-{replica}.tsv"
        wildcard_constraints:
            potential=one_of(PLAN.run_by(program)),
        conda:
            "../../envs/falsemetal.yaml"
        threads: threads_each
        resources:
            mem_mb=memory_mb,
        params:
            **specified(PLAN.run, "potential", "campaign", "size", "replica"),
            models=str(RESULTS / "models"),
        script:
            "../scripts/simulate.py"


rule read_run:
    """Take a run of the user's own, such as AIMD, for one of a potential: it needs no start."""
    input:
        run=lambda w: PLAN.recorded(w.potential, w.campaign, w.size, w.replica),
        topology=lambda w: PLAN.topology(w.potential),
    output:
        "<results>/trajectories/{potential}/{campaign}/{size}A/{replica}.h5",
    log:
        "<logs>/read_run/{potential}/{campaign}/{size}A-{replica}.log",
    wildcard_constraints:
        potential=one_of(PLAN.run_by("files")),
    conda:
        "../../envs/falsemetal.yaml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        **specified(PLAN.recording, "potential", "campaign", "size", "replica"),
    script:
        "../scripts/read_run.py"
