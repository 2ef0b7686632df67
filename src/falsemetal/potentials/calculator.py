"""Energies and forces of a trained model for ASE's integrators."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from torch import Tensor

from falsemetal.electrostatics.multipoles import check_slab
from falsemetal.potentials.bpnnp.committee import BPNNP
from falsemetal.potentials.fast.committee import CommitteeEvaluator
from falsemetal.potentials.fast.compilation import (
    compile_evaluation,
    compiler_found,
    with_compiler_settings,
)
from falsemetal.potentials.fast.evaluator import Evaluator
from falsemetal.potentials.fast.neighbours import Neighbours, find_neighbours
from falsemetal.potentials.fast.plain import PlainEvaluator
from falsemetal.potentials.graph import is_slab, species_index
from falsemetal.potentials.mace.model import ShortRangedMACE
from falsemetal.potentials.mace.pretrained import PretrainedMACE
from falsemetal.potentials.mace.split_charge import SplitChargeMACE
from falsemetal.potentials.store import default_dtype
from falsemetal.progress import logger
from falsemetal.simulation.checkpoint import NeighbourState

AnyModel = ShortRangedMACE | PretrainedMACE | BPNNP
AnyEvaluator = Evaluator | PlainEvaluator | CommitteeEvaluator


class ModelCalculator(Calculator):
    """ASE calculator with a neighbour list that is kept while no atom moved half its skin.

    Parameters
    ----------
    model
        Trained model of this project or of mace-torch; it decides precision and device.
    skin_A
        Margin of the neighbour list beyond the model's cutoff.
    compiled
        Compile the model for the structure; takes some ten seconds before the first step.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(
        self, model: AnyModel, *, skin_A: float = 0.3, compiled: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.model = model.requires_grad_(False).eval()
        self.device = next(model.parameters()).device
        self.skin_A = skin_A
        self.compiled = compiled and compiler_found(self.device.type)
        self._system: _System | None = None
        self._neighbours: _NeighbourList | None = None
        self._continued: NeighbourState | None = None

    @property
    def neighbours(self) -> NeighbourState | None:
        """The present neighbour list; set it to go on to the last bit where another run was."""
        if self._neighbours is None or self._system is None:
            return self._continued
        origin = np.empty_like(self._neighbours.origin)
        origin[self._system.order] = self._neighbours.origin
        return NeighbourState(origin, self._neighbours.slots)

    @neighbours.setter
    def neighbours(self, state: NeighbourState | None) -> None:
        self._neighbours, self._continued = None, state
        self.reset()

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Evaluate energy in eV and forces in eV/Å, shape (n, 3)."""
        super().calculate(atoms, properties, system_changes)
        if self._system is None or not self._system.fits(self.atoms):
            self._system = _System(self.atoms, self.model, self.device, compiled=self.compiled)
            self._neighbours = None
        system = self._system
        positions = self.atoms.positions[system.order]
        if self._neighbours is None and self._continued is not None:
            origin = self._continued.origin[system.order]
            self._neighbours = self._find_neighbours(origin, system, self._continued.slots)
            self._continued = None
        if self._neighbours is None or not self._neighbours.hold_for(positions):
            slots = None if self._neighbours is None else self._neighbours.slots
            self._neighbours = self._find_neighbours(positions, system, slots)
        energy, forces = system.evaluate(positions, self._neighbours.rows)
        self.results = {"energy": energy, "forces": forces}

    def _find_neighbours(
        self, positions: np.ndarray, system: "_System", slots: int | None
    ) -> "_NeighbourList":
        found = _NeighbourList(
            positions, system, self.model.r_cut_A, self.skin_A, slots, self.device
        )
        if slots is not None and slots != found.slots:
            logger.info("neighbour rows grow from %d to %d", slots, found.slots)
        return found


class _System:
    """What does not change while atoms move: composition, cell, and the model made for them."""

    def __init__(
        self, atoms: Atoms, model: AnyModel, device: torch.device, *, compiled: bool
    ) -> None:
        species = species_index(atoms.numbers, model.elements)
        self.slab = is_slab(atoms.pbc)
        self.numbers, self.pbc = atoms.numbers.copy(), atoms.pbc.copy()
        self.cell = atoms.cell.array.copy()
        if isinstance(model, SplitChargeMACE):
            charges = model.formal_charges_e.cpu()[species]
            check_slab(charges, torch.as_tensor(self.cell), slab=self.slab)
        self.order = np.argsort(species, kind="stable")
        present, counts = np.unique(species, return_counts=True)
        self.counts = counts.tolist()
        evaluator = _make_evaluator(model, present.tolist())
        self._evaluator, self._device = evaluator.to(device), device
        self._compiled = compiled and not isinstance(evaluator, PlainEvaluator)
        self._cell = torch.tensor(self.cell, device=device)
        self._is_slab = torch.tensor(self.slab, device=device)
        self._whole = compile_evaluation(self._energy_and_gradient)

    def fits(self, atoms: Atoms) -> bool:
        """Tell whether a structure is this one, but for its positions."""
        return (
            np.array_equal(atoms.cell.array, self.cell)
            and np.array_equal(atoms.pbc, self.pbc)
            and np.array_equal(atoms.numbers, self.numbers)
        )

    def evaluate(self, positions: np.ndarray, rows: Neighbours) -> tuple[float, np.ndarray]:
        """Energy in eV, and forces in eV/Å in the structure's own order."""
        # a copy: the last bit of a sum may depend on how memory is aligned
        copy = torch.tensor(positions, device=self._device)
        energy, gradient = self._function_for(rows)(copy, rows, self.counts)
        forces = np.empty_like(positions)
        forces[self.order] = -gradient.cpu().numpy()
        return float(energy), forces

    def _function_for(self, rows: Neighbours) -> Callable[..., tuple[Tensor, Tensor]]:
        if not self._compiled:
            return self._energy_and_gradient
        if self._evaluator.compile_parts(*rows.senders.shape):
            return with_compiler_settings(self._energy_and_gradient)
        return self._whole

    def _energy_and_gradient(
        self, positions: Tensor, rows: Neighbours, counts: list[int]
    ) -> tuple[Tensor, Tensor]:
        positions = positions.detach().requires_grad_(True)
        energy = self._evaluator(positions, rows, self._cell, counts, slab=self._is_slab)
        (gradient,) = torch.autograd.grad(energy, positions)
        return energy.detach(), gradient


def _make_evaluator(model: AnyModel, species: list[int]) -> AnyEvaluator:
    device = next(model.parameters()).device
    try:
        with default_dtype(next(model.parameters()).dtype):
            kind = CommitteeEvaluator if isinstance(model, BPNNP) else Evaluator
            return kind(model.cpu(), species)
    except NotImplementedError as error:
        logger.info("%s: the model runs in its plain form, uncompiled", error)
        return PlainEvaluator(model, species)
    finally:
        model.to(device)


class _NeighbourList:
    """Rows up to cutoff plus skin, and where the atoms were when they were filled."""

    def __init__(
        self,
        positions: np.ndarray,
        system: _System,
        cutoff_A: float,
        skin_A: float,
        slots: int | None,
        device: torch.device,
    ) -> None:
        self.origin, self._skin_A = positions.copy(), skin_A
        rows = find_neighbours(positions, system.cell, system.pbc, cutoff_A + skin_A, slots)
        self.rows = rows.to(device)
        self.slots = rows.senders.shape[1]

    def hold_for(self, positions: np.ndarray) -> bool:
        """Tell whether no pair can have come within the cutoff unnoticed."""
        moved = np.sum((positions - self.origin) ** 2, axis=1).max(initial=0.0)
        return bool(moved <= (0.5 * self._skin_A) ** 2)
