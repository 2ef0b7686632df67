# Electronic structure of chosen frames: jobs written, run where the engine is, and read (S1.0.5).
import shutil

from falsemetal.electronic.job import OUTPUTS

FRAME_SETS = {
    name: frames
    for name, frames in (CONFIG.electronic.frames if CONFIG.electronic else {}).items()
    if frames.potential not in SKIPPED
}


def fault_of_engine():
    """Why jobs are not run here, or None."""
    if CONFIG.electronic.engine == "cp2k":
        return fault_of_cp2k()
    command = CONFIG.electronic.fhi_aims.command
    if command is None:
        return "electronic.fhi_aims.command is not given"
    if shutil.which(command.split()[0]) is None:
        return f"electronic.fhi_aims.command: {command.split()[0]} is not on PATH"


FAULT_OF_ENGINE = fault_of_engine() if FRAME_SETS else None
if FAULT_OF_ENGINE and workflow.is_main_process:
    print(
        f"{FAULT_OF_ENGINE}. Electronic-structure jobs are written and not run: run them elsewhere by "
        "the README.md in each folder and copy their outputs back. table_jobs lists them.",
        file=sys.stderr,
    )


def job_names(frames):
    """Jobs of each frame of a set by name: functional and field."""
    return {
        functional if field is None else f"{functional}-{field:g}": (functional, field)
        for functional in frames.functionals
        for field in frames.fields_V_per_A
    }


JOBS = {
    f"<results>/electronic/{name}/{frame}/{job}": name
    for name, frames in FRAME_SETS.items()
    for frame in range(frames.n_frames)
    for job in job_names(frames)
}


def of_jobs(table, *names):
    """Tables of all jobs of these sets of frames."""
    return [f"{job}/{table}.csv" for job, name in JOBS.items() if name in names]


def runs_of_frames(wildcards):
    """Trajectories that frames are chosen from."""
    frames = FRAME_SETS[wildcards.frames]
    count = CONFIG.n_replicas(frames.potential, frames.campaign, frames.size_A)
    folder = f"<results>/trajectories/{frames.potential}/{frames.campaign}/{frames.size_A:g}A"
    return [f"{folder}/{replica}.h5" for replica in range(count)]


def differences_of_frames(wildcards):
    """Table of ΔV that frames are chosen by."""
    frames = FRAME_SETS[wildcards.frames]
    table = "dipole" if frames.campaign == "slabs" else "potential"
    folder = (
        f"<results>/observables/{frames.potential}/{frames.campaign}/{frames.size_A:g}A"
    )
    return f"{folder}/{table}.csv"


def outputs_of_job(wildcards):
    """What tells that a job was run: its record, or outputs that were copied back."""
    job = "<results>/electronic/{frames}/{frame}/{job}".format(**dict(wildcards))
    if FAULT_OF_ENGINE is None:
        return f"{job}/run.json"
    folder = Path(job.replace("<results>", f"results/{CONFIG.name}"))
    patterns = (*OUTPUTS.values(), "*.pdos", "*.cube", "atom_proj_dos*.dat")
    return sorted(str(path) for pattern in patterns for path in folder.glob(pattern))


# CP2K's levels are smeared when they are read
SETTINGS_OF_ENGINE = {
    "cp2k": ("electronic/cp2k", "electronic/density_of_states/layer_A"),
    "fhi-aims": ("electronic/fhi_aims", "electronic/density_of_states"),
}[CONFIG.electronic.engine if CONFIG.electronic else "cp2k"]


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
        charge=lambda w: CONFIG.datasets[
            CONFIG.potentials[FRAME_SETS[w.frames].potential].dataset
        ].dipole_charge_O,
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
        functional=lambda w: job_names(FRAME_SETS[w.frames])[w.job][0],
        field=lambda w: job_names(FRAME_SETS[w.frames])[w.job][1],
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
        outputs=outputs_of_job,
        code=code("electronic/*.py"),
    output:
        summary="<results>/electronic/{frames}/{frame}/{job}/summary.csv",
        density="<results>/electronic/{frames}/{frame}/{job}/density.csv",
    log:
        "<logs>/electronic/{frames}/{frame}/{job}/read.log",
    conda:
        "../../envs/falsemetal.yaml"
    params:
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


def jobs_of(campaigns):
    """Sets of frames of some campaigns."""
    return [name for name, frames in FRAME_SETS.items() if frames.campaign in campaigns]


def responses():
    """Tables of responses of all frames that are put into a field."""
    return [
        f"{job}/response.csv"
        for job, name in JOBS.items()
        if job_names(FRAME_SETS[name])[job.rsplit("/", 1)[1]][1]
    ]
