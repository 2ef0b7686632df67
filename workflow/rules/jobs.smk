# Which electronic-structure jobs there are, and whether they are run here.
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


# by folder: set of frames, functional, field
JOBS = {
    f"<results>/electronic/{name}/{frame}/{functional}"
    + ("" if field is None else f"-{field:g}"): (name, functional, field)
    for name, frames in FRAME_SETS.items()
    for frame in range(frames.n_frames)
    for functional in frames.functionals
    for field in frames.fields_V_per_A
}


def job_of(wildcards):
    """Set of frames, functional and field of a job."""
    return JOBS["<results>/electronic/{frames}/{frame}/{job}".format(**wildcards)]


def of_jobs(table, *names):
    """Tables of all jobs of these sets of frames."""
    return [f"{job}/{table}.csv" for job, (name, *_) in JOBS.items() if name in names]


def runs_of_frames(wildcards):
    """Trajectories that frames are chosen from."""
    frames = FRAME_SETS[wildcards.frames]
    return trajectories(frames.potential, frames.campaign, frames.size_A)


def differences_of_frames(wildcards):
    """Table of ΔV that frames are chosen by."""
    frames = FRAME_SETS[wildcards.frames]
    table = "dipole" if frames.campaign == "slabs" else "potential"
    folder = (
        f"<results>/observables/{frames.potential}/{frames.campaign}/{frames.size_A:g}A"
    )
    return f"{folder}/{table}.csv"


def record_of_job(wildcards):
    """What tells that a job was run here, where that is possible."""
    return (
        []
        if FAULT_OF_ENGINE
        else "<results>/electronic/{frames}/{frame}/{job}/run.json"
    )


def copied_outputs(wildcards):
    """Outputs that were computed elsewhere and when they came; no inputs, for they may be set aside."""
    if FAULT_OF_ENGINE is None:
        return []
    folder = Path(
        "results",
        CONFIG.name,
        "electronic",
        wildcards.frames,
        wildcards.frame,
        wildcards.job,
    )
    patterns = (*OUTPUTS.values(), "*.pdos", "*.cube", "atom_proj_dos*.dat")
    return sorted(
        f"{path.name} {path.stat().st_mtime_ns}"
        for pattern in patterns
        for path in folder.glob(pattern)
    )


def jobs_of(campaigns):
    """Sets of frames of some campaigns."""
    return [name for name, frames in FRAME_SETS.items() if frames.campaign in campaigns]


def responses():
    """Tables of responses of all frames that are put into a field."""
    return [f"{job}/response.csv" for job, (*_, field) in JOBS.items() if field]


# CP2K's levels are smeared when they are read
SETTINGS_OF_ENGINE = {
    "cp2k": ("electronic/cp2k", "electronic/density_of_states/layer_A"),
    "fhi-aims": ("electronic/fhi_aims", "electronic/density_of_states"),
}[CONFIG.electronic.engine if CONFIG.electronic else "cp2k"]
