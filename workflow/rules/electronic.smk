# Electronic structure of chosen frames: jobs written, run where the engine is, and read (S1.0.5).
if FAULT_OF_ENGINE and workflow.is_main_process:
    print(
        f"{FAULT_OF_ENGINE}. Electronic-structure jobs are written and not run: run them elsewhere by "
        "the README.md in each folder and copy their outputs back. table_jobs lists them.",
        file=sys.stderr,
    )


ENGINE = [type(PLAN.electronic.engine).__module__] if PLAN.frame_sets else []
CODE_OF_READERS = code_of(["falsemetal.electronic.summary", *ENGINE])


rule choose_frames:
    """Choose frames by their ΔV, apart in time; their origin travels with them."""
    input:
        trajectories=lambda w: PLAN.chosen_from(w.frames)[0],
        table=lambda w: PLAN.chosen_from(w.frames)[1],
        code=code_of(["falsemetal.electronic.selection"]),
    output:
        frames="<results>/electronic/{frames}/frames.extxyz",
        table="<results>/electronic/{frames}/frames.csv",
    log:
        "<logs>/electronic/{frames}/choose.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        **specified(PLAN.select, "frames"),
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
        **specified(PLAN.write_job, "frames", "frame", "job"),
    script:
        "../scripts/write_job.py"


rule run_job:
    """Run a job; a killed one continues from its orbitals."""
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
    params:
        **specified(PLAN.run_job),
    script:
        "../scripts/run_job.py"


rule read_job:
    """Levels, gap, dipole and projected density of states of a job."""
    input:
        manifest="<results>/electronic/{frames}/{frame}/{job}/manifest.json",
        record=(
            []
            if FAULT_OF_ENGINE
            else "<results>/electronic/{frames}/{frame}/{job}/run.json"
        ),
        code=CODE_OF_READERS,
    output:
        summary="<results>/electronic/{frames}/{frame}/{job}/summary.csv",
        density="<results>/electronic/{frames}/{frame}/{job}/density.csv",
    log:
        "<logs>/electronic/{frames}/{frame}/{job}/read.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        **specified(PLAN.read_job, "frames"),
        copied=copied_outputs,
    script:
        "../scripts/read_job.py"


rule read_response:
    """Change of potential and density that a field makes (eqs. S7 and S8)."""
    input:
        with_field="<results>/electronic/{frames}/{frame}/{functional}-{field}/summary.csv",
        without_field="<results>/electronic/{frames}/{frame}/{functional}-0/summary.csv",
        code=CODE_OF_READERS,
    output:
        "<results>/electronic/{frames}/{frame}/{functional}-{field}/response.csv",
    log:
        "<logs>/electronic/{frames}/{frame}/{functional}-{field}/response.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
        **specified(PLAN.run_job),
    script:
        "../scripts/read_response.py"
