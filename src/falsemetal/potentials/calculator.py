"""Energies and forces of a trained model for ASE's integrators."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from ase import Atoms

from falsemetal.arrays import FloatArray
from falsemetal.kernels import instruction_set, write_kernels
from falsemetal.potentials.allocator import keep_freed_memory
from falsemetal.potentials.fast.neighbours import Neighbours, find_neighbours
from falsemetal.potentials.fast.plain import PlainEvaluator
from falsemetal.potentials.graph import Surroundings, cell_of, species_index
from falsemetal.potentials.loading import load_potential
from falsemetal.potentials.model import Model
from falsemetal.potentials.runners import AseRunner
from falsemetal.potentials.single_points import EnergyAndForces
from falsemetal.potentials.store import default_dtype, describe_model, torch_device
from falsemetal.progress import logger
from falsemetal.simulation.checkpoint import NeighbourState
from falsemetal.simulation.settings import Conditions
from falsemetal.systems.boundary import Boundary
from falsemetal.systems.labels import external_field, total_charge


def calculator_of_folder(
    runner: AseRunner, conditions: Conditions | None, *, folder: Path, threads: int
) -> "ModelCalculator":
    """Load the model of a folder for a run, or without conditions for single points.

    A ModelError tells what is wrong with it.
    """
    keep_freed_memory()
    torch.set_num_threads(threads)
    model = load_potential(
        folder, dtype=getattr(torch, runner.dtype), device=torch_device(runner.device)
    )
    return ModelCalculator(
        model,
        skin_A=runner.neighbour_skin_A,
        compiled=runner.compile != "never",
        identity={"weights_sha256": describe_model(folder)["weights_sha256"]},
    )


def calculator_for_points(
    folder: str, device: str = "auto", dtype: str = "float64"
) -> "ModelCalculator":
    """Load the model of a folder for single points; a ModelError tells what is wrong with it."""
    model = load_potential(folder, dtype=getattr(torch, dtype), device=torch_device(device))
    return ModelCalculator(
        model, identity={"weights_sha256": describe_model(folder)["weights_sha256"]}
    )


class ModelCalculator(EnergyAndForces):
    """ASE calculator with a neighbour list that is kept while no atom moved half its skin.

    The model, of this project or of mace-torch, decides precision and device. Its kernels, on a
    CPU, are compiled at first use, a second or two for a model of another shape. `identity` tells
    the model from others, ready for JSON; by default it is its class.

    Total charge (e) and external field (three components, V/Å) are those of `atoms.info`, where a
    model answers to them; its `charges`, `dipole` and `fermi_level_eV` are then among the results.
    """

    implemented_properties: ClassVar[list[str]] = [  # type: ignore[misc]
        *EnergyAndForces.implemented_properties,
        "charges",
        "dipole",
    ]

    def __init__(
        self,
        model: Model,
        *,
        skin_A: float = 0.3,
        compiled: bool = True,
        identity: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.model = model.requires_grad_(False).eval()
        self.device = next(model.parameters()).device
        self.skin_A = skin_A
        self.compiled = compiled and self.device.type == "cpu"
        self.identity = identity or {"model": type(model).__name__}
        self._system: _System | None = None
        self._neighbours: _Neighbours | None = None
        self._continued: NeighbourState | None = None

    @property
    def neighbours(self) -> NeighbourState | None:
        """The present neighbour list; set it to continue another run to the last bit."""
        if self._neighbours is None or self._system is None:
            return self._continued
        origin = np.empty_like(self._neighbours.origin)
        origin[self._system.order] = self._neighbours.origin
        return NeighbourState(origin, instruction_set())

    @neighbours.setter
    def neighbours(self, state: NeighbourState | None) -> None:
        self._neighbours, self._continued = None, state
        if state is not None and state.instruction_set not in (None, instruction_set()):
            logger.warning(
                "begun on a processor with %s, continued on one with %s: not the same to the last "
                "bit as a run on one of them",
                *(state.instruction_set, instruction_set()),
            )
        self.reset()  # type: ignore[no-untyped-call]

    def evaluate(self, atoms: Any) -> tuple[float, FloatArray]:
        """Evaluate energy in eV and forces in eV/Å, shape (n, 3)."""
        if self._system is None or not self._system.fits(atoms):
            self._system = _System(atoms, self.model, self.device, compiled=self.compiled)
            self._neighbours = None
        system = self._system
        positions = atoms.positions[system.order]
        if self._neighbours is None and self._continued is not None:
            state, self._continued = self._continued, None
            self._neighbours = self._find(system, state.origin[system.order])
        if self._neighbours is None or not self._neighbours.hold_for(positions):
            self._neighbours = self._find(system, positions)
        return system.evaluate(positions, self._neighbours.edges)

    def check_state(self, atoms: Any, tol: float = 1e-15) -> list[str]:
        """Find what has changed, total charge and field among it, which ASE passes over."""
        changes: list[str] = super().check_state(atoms, tol)  # type: ignore[no-untyped-call]
        if self._system is not None and not self._system.is_in_same_surroundings(atoms):
            changes.append("surroundings")
        return changes

    def further_results(self) -> dict[str, Any]:
        """Charges in e, dipole in e·Å and `fermi_level_eV` of a model with equilibrated charges.

        The dipole is NaN along periodic directions.
        """
        return {} if self._system is None else self._system.further_results()

    def _find(self, system: "_System", positions: FloatArray) -> "_Neighbours":
        reach_A = self.model.r_cut_A + self.skin_A
        edges = find_neighbours(positions, system.cell, system.pbc, reach_A)
        return _Neighbours(edges.to(self.device), positions.copy(), self.skin_A)


class _System:
    """What does not change while atoms move: composition, cell, and the model made for them."""

    def __init__(self, atoms: Atoms, model: Model, device: torch.device, *, compiled: bool) -> None:
        surroundings = Surroundings.of(atoms)
        if not model.with_charge:
            surroundings.require_neutral()
        model.check(atoms)
        species = species_index(atoms.numbers, model.elements)
        self.numbers, self.pbc = atoms.numbers.copy(), atoms.pbc.copy()
        self.cell, self.surroundings = cell_of(atoms), surroundings
        self.order = np.argsort(species, kind="stable")
        present, counts = np.unique(species, return_counts=True)
        self.counts = counts.tolist()
        self._evaluator = _make_evaluator(
            model, present.tolist(), surroundings, device, compiled=compiled
        )
        self._device = device
        self._cell = torch.tensor(self.cell, device=device)
        self._is_film = surroundings.boundary is Boundary.FILM

    def fits(self, atoms: Atoms) -> bool:
        """Tell whether a structure is this one, but for its positions."""
        return (
            np.array_equal(cell_of(atoms), self.cell)
            and np.array_equal(atoms.pbc, self.pbc)
            and np.array_equal(atoms.numbers, self.numbers)
            and self.is_in_same_surroundings(atoms)
        )

    def is_in_same_surroundings(self, atoms: Atoms) -> bool:
        """Tell whether total charge and field are those of the system."""
        same_charge = total_charge(atoms) == self.surroundings.total_charge_e
        return same_charge and np.array_equal(
            external_field(atoms), self.surroundings.field_V_per_A
        )

    def evaluate(self, positions: FloatArray, edges: Neighbours) -> tuple[float, FloatArray]:
        """Energy in eV, and forces in eV/Å in the structure's own order."""
        # a copy: the last bit of a sum may depend on how memory is aligned
        copy = torch.tensor(positions, device=self._device).requires_grad_(True)
        energy = self._evaluator(copy, edges, self._cell, self.counts, slab=self._is_film)
        (gradient,) = torch.autograd.grad(energy, copy)
        forces = np.empty_like(positions)
        forces[self.order] = -gradient.cpu().numpy()
        return float(energy.detach()), forces

    def further_results(self) -> dict[str, Any]:
        """Charges, dipole and Fermi level that the model told at its last evaluation, if any."""
        told = getattr(self._evaluator, "last", None)
        if told is None or told.charges is None:
            return {}
        charges = np.empty(len(self.order))
        charges[self.order] = told.charges.cpu().numpy()
        return {
            "charges": charges,
            "dipole": told.dipoles[0].cpu().numpy(),
            "fermi_level_eV": float(told.fermi_levels_eV[0]),
        }


def _make_evaluator(
    model: Model,
    species: list[int],
    surroundings: Surroundings,
    device: torch.device,
    *,
    compiled: bool,
) -> torch.nn.Module:
    """Build an evaluator on the device, in the fast form if there is one."""
    dtype = next(model.parameters()).dtype
    try:
        with default_dtype(dtype):
            evaluator: Any = model.cpu().fast_form(species)
        if model.with_charge:
            evaluator.surroundings = surroundings
        if compiled:
            write_kernels(evaluator)
        on_device: torch.nn.Module = evaluator.to(device)
        return on_device
    except NotImplementedError as error:
        logger.info("%s: the model runs in its plain form", error)
    finally:
        model.to(device)
    return PlainEvaluator(model, species, surroundings).to(device)


@dataclass(frozen=True)
class _Neighbours:
    """Edges up to cutoff plus skin, and where the atoms were when they were found."""

    edges: Neighbours
    origin: FloatArray
    skin_A: float

    def hold_for(self, positions: FloatArray) -> bool:
        """Tell whether no pair can have come within the cutoff unnoticed."""
        moved = np.sum((positions - self.origin) ** 2, axis=1).max(initial=0.0)
        return bool(moved <= (0.5 * self.skin_A) ** 2)
