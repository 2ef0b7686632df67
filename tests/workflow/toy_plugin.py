"""A potential, a campaign, an observable and a figure that falsemetal has never heard of."""

from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes

from falsemetal.campaigns.kind import CAMPAIGNS, CampaignKind, StartSpec
from falsemetal.observables.registry import register as register_observable
from falsemetal.potentials.kind import POTENTIALS, PotentialKind
from falsemetal.potentials.runners import AseRunner
from falsemetal.products import style
from falsemetal.products.registry import ALL
from falsemetal.products.registry import register as register_product
from falsemetal.section import PositiveFloat
from falsemetal.systems.boundary import Boundary
from falsemetal.systems.system import System

SPACING_A = 4.0
ORIGIN_A = np.array([1.0, 1.0, 10.0])


class Springs(Calculator):
    """Every atom on a spring to where it was first seen."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, stiffness_eV_per_A2: float) -> None:
        super().__init__()
        self.stiffness, self.sites = stiffness_eV_per_A2, None

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        if self.sites is None:
            self.sites = self.atoms.positions.copy()
        displacement = self.atoms.positions - self.sites
        energy = 0.5 * self.stiffness * float((displacement**2).sum())
        self.results = {"energy": energy, "forces": -self.stiffness * displacement}


def make_springs(runner: AseRunner, conditions: Any, *, folder: Any, threads: int) -> Springs:
    return Springs(**runner.arguments)


@POTENTIALS.register("springs")
class SpringsKind(PotentialKind):
    """Independent harmonic springs."""

    kind: Literal["springs"]
    stiffness_eV_per_A2: PositiveFloat = 2.0

    def runner(self, datasets, dynamics) -> AseRunner:
        return AseRunner(
            factory="toy_plugin:make_springs",
            arguments={"stiffness_eV_per_A2": self.stiffness_eV_per_A2},
            friction_per_fs=dynamics.friction_per_fs,
            dtype="float64",
        )


@CAMPAIGNS.register("lattice")
class Lattice(CampaignKind):
    """Argon on a square net between two vacua, one layer for every four ångströms."""

    boundary: ClassVar = Boundary.FILM
    size_label: ClassVar = "Height"
    size_symbol: ClassVar = "h"

    kind: Literal["lattice"]

    def n_molecules(self, size_A: float) -> int:
        return 9 * round(size_A / SPACING_A)

    n_atoms = n_molecules

    def cell_lengths(self, size_A: float) -> tuple[float, float, float]:
        return (3 * SPACING_A, 3 * SPACING_A, size_A + 20.0)

    def start(self, spec: StartSpec, *, log=None) -> System:
        layers = self.n_molecules(spec.size_A) // 9
        sites = SPACING_A * np.indices((3, 3, layers)).reshape(3, -1).T + ORIGIN_A
        cell = self.cell_lengths(spec.size_A)
        atoms = Atoms(f"Ar{len(sites)}", sites, cell=cell, pbc=(True, True, False))
        normal = np.random.default_rng(spec.seed).normal(size=sites.shape)
        spread = np.sqrt(units.kB * spec.temperature_K * atoms.get_masses())
        atoms.set_momenta(normal * spread[:, None])
        return System.of(atoms, "argon")


def collect(block, spec) -> np.ndarray:
    """Average the square distance of each frame's atoms from their sites, shape (n_frames,)."""
    away = block.positions - ORIGIN_A
    away -= SPACING_A * np.round(away / SPACING_A)
    return (away**2).sum(axis=2).mean(axis=1)


def tabulate(runs, spec) -> pd.DataFrame:
    """Tabulate a row per frame."""
    return runs.frames(spread_A2=[np.concatenate(r.collected["spread"]) for r in runs.completed])


def draw(spread, spec):
    """Draw the spread against time."""
    table = style.stack(spread, spec, size_column="height_A")
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 2.0)
        axes = figure.subplots()
        axes.plot(table["time_ps"], table["spread_A2"], ".")
        axes.set_xlabel("Time (ps)")
        axes.set_ylabel("Spread (Å²)")
        style.note_missing(figure, spread, spec)
    return figure, table


register_observable("spread", *("replica", "time_ps", "spread_A2"), module=__name__, costly=True)
register_product("spreading", module=__name__, campaigns=("lattice",), reads={"spread": ALL})
