# Electronic structure of chosen frames: jobs written, run where the engine is, and read (S1.0.5).
rule choose_frames:
    """Choose frames by their ΔV, apart in time; their origin travels with them."""
    input:
        trajectories=runs_of_frames,
        table=differences_of_frames,
        code=code("electronic/selection.py"),
    output:
        frames="<results>/electronic/{frames}/frames.extxyz",
        table="<results>/electronic/{frames}/frames.csv",
    log:
        "<logs>/electronic/{frames}/choose.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        settings=settings(
            "electronic/frames/{frames}", exclude={"functionals", "field_V_per_A"}
        ),
        charge=lambda w: dipole_charge(FRAME_SETS[w.frames].potential),
    script:
        "../scripts/choose_frames.py"


rule write_job:
    """Write a folder that can be run anywhere."""
    input:
        frames="<results>/electronic/{frames}/frames.extxyz",
    output:
        manifest="<results>/electronic/{frames}/{frame}/{job}/manifest.json",
    log:
        "<logs>/electronic/{frames}/{frame}/{job}/write.log",
    localrule: True
    conda:
        "../../envs/falsemetal.yaml"
    params:
        functional=lambda w: job_of(w)[1],
        field=lambda w: job_of(w)[2],
        settings=settings(
            "electronic/engine",
            "electronic/vacuum_A",
            *SETTINGS_OF_ENGINE,
            exclude={"command"},
        ),
    script:
        "../scripts/write_job.py"


rule run_job:
    """Run a job; a killed one goes on from its orbitals."""
    input:
        manifest="<results>/electronic/{frames}/{frame}/{job}/manifest.json",
    output:
        "<results>/electronic/{frames}/{frame}/{job}/run.json",
    log:
        "<logs>/electronic/{frames}/{frame}/{job}/run.log",
    benchmark:
        "<benchmarks>/electronic/{frames}/{frame}/{job}.tsv"
    conda:
        "../../envs/falsemetal.yaml"
    threads: 2
    resources:
        mem_mb=4000,
    script:
        "../scripts/run_job.py"


rule read_job:
    """Levels, gap, dipole and projected density of states of a job."""
    input:
        manifest="<results>/electronic/{frames}/{frame}/{job}/manifest.json",
        record=record_of_job,
        code=code("electronic/*.py"),
    output:
        summary="<results>/electronic/{frames}/{frame}/{job}/summary.csv",
        density="<results>/electronic/{frames}/{frame}/{job}/density.csv",
    log:
        "<logs>/electronic/{frames}/{frame}/{job}/read.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        copied=copied_outputs,
        settings=settings(
            "electronic/density_of_states",
            "electronic/band_search",
            "electronic/charge_O_e",
        ),
    script:
        "../scripts/read_job.py"


rule read_response:
    """Change of potential and density that a field makes (eqs. S7 and S8)."""
    input:
        with_field="<results>/electronic/{frames}/{frame}/{functional}-{field}/summary.csv",
        without_field="<results>/electronic/{frames}/{frame}/{functional}-0/summary.csv",
        code=code("electronic/*.py"),
    output:
        "<results>/electronic/{frames}/{frame}/{functional}-{field}/response.csv",
    log:
        "<logs>/electronic/{frames}/{frame}/{functional}-{field}/response.log",
    conda:
        "../../envs/falsemetal.yaml"
    script:
        "../scripts/read_response.py"
