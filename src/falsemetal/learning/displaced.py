"""Structures displaced at random, each in several charge states, and labelled by any labeller."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Annotated, Any, Literal, Self

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from pydantic import Field, JsonValue, model_validator

from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.settings import NotSampled
from falsemetal.files import expand
from falsemetal.learning.labellers import AnyLabeller
from falsemetal.section import Name, NonNegativeInt, Number, PositiveFloat, PositiveInt, Section
from falsemetal.specs import Spec
from falsemetal.systems.charged import set_total_charge
from falsemetal.systems.labels import BESIDE, GEOMETRY

BONDED = 1.25
"""Distance over the sum of covalent radii up to which atoms are neighbours of a removed one."""


class Structure(Section):
    """A structure, of a file or of a function that builds it, and what is done to it."""

    path: str | None = Field(None, description="File that ASE reads, its last structure")
    builder: str | None = Field(
        None,
        pattern=r"^[\w.]+:[\w.]+$",
        description="Function that builds it, such as ase.build:bulk or ase.spacegroup:crystal",
    )
    kwargs: dict[str, JsonValue] = Field({}, description="Arguments of the builder")
    remove: list[NonNegativeInt] = Field(
        [], description="Atoms that are taken out, from 0: a vacancy"
    )
    total_charges_e: list[Number] = Field(
        [0.0], min_length=1, description="Of the cell; every geometry is labelled with each of them"
    )
    n_geometries: PositiveInt = Field(le=100_000, description="Random displacements")
    amplitude_A: PositiveFloat = Field(
        0.05, le=1.0, description="Standard deviation of each coordinate"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.path is None) == (self.builder is None):
            raise ValueError("give path or builder, one of them")
        if self.path is not None and self.kwargs:
            raise ValueError("kwargs are arguments of a builder; a path takes none")
        if len(set(self.total_charges_e)) < len(self.total_charges_e):
            raise ValueError("total_charges_e: a charge is given twice; remove one")
        return self

    def build(self) -> Atoms:
        """Build it at rest, with the neighbours of what was removed in `info`.

        DatasetError if it cannot be had.
        """
        whole = self._read() if self.path is not None else self._call()
        if beyond := [index for index in self.remove if index >= len(whole)]:
            raise DatasetError(f"remove: {beyond[0]}, but there are atoms 0 to {len(whole) - 1}")
        atoms = Atoms(whole.symbols, whole.positions, cell=whole.cell, pbc=whole.pbc)
        if self.remove:
            kept = np.setdiff1d(np.arange(len(atoms)), self.remove)
            near = np.isin(kept, _neighbours(atoms, self.remove))
            atoms = Atoms(atoms[kept])
            atoms.info[BESIDE] = np.flatnonzero(near)
        return atoms

    def _read(self) -> Atoms:
        from ase.io import read

        try:
            found: Any = read(expand(str(self.path)))
        except Exception as error:
            raise DatasetError(f"path: {self.path} cannot be read by ASE ({error})") from None
        structure: Atoms = found
        return structure

    def _call(self) -> Atoms:
        module, _, name = str(self.builder).partition(":")
        try:
            built = getattr(import_module(module), name)(**self.kwargs)
        except Exception as error:
            told = " ".join(f"{error}".split())
            raise DatasetError(
                f"builder: {self.builder} fails: {type(error).__name__}: {told}"
            ) from None
        if not isinstance(built, Atoms):
            raise DatasetError(f"builder: {self.builder} returns no Atoms")
        return built


def _neighbours(atoms: Atoms, removed: Sequence[int]) -> np.ndarray:
    """Atoms within bonds of removed ones, by index."""
    radii = covalent_radii[atoms.numbers]
    distances = atoms.get_all_distances(mic=True)[list(removed)]
    reach = BONDED * (radii[list(removed)][:, None] + radii)
    return np.flatnonzero((distances < reach).any(axis=0))


class DisplacedDataset(NotSampled):
    """Structures whose atoms are displaced at random, labelled here, in charge states by choice."""

    kind: Literal["displaced"]
    structures: dict[Name, Structure] = Field(
        min_length=1, description="By the `config_type` of their frames"
    )
    label: AnyLabeller = Field(description="What labels the frames")

    @property
    def charged(self) -> list[str]:
        """Structures that are labelled with a charge."""
        return [n for n, s in self.structures.items() if max(map(abs, s.total_charges_e)) > 0.0]

    @property
    def in_several_states(self) -> bool:
        """Whether a structure is labelled in more than one charge state."""
        return any(len(each.total_charges_e) > 1 for each in self.structures.values())

    def named_files(self) -> Iterator[tuple[str, str]]:
        """Keys and paths of files that must be there."""
        for name, structure in self.structures.items():
            if structure.path is not None:
                yield f"structures.{name}.path", structure.path

    @model_validator(mode="after")
    def _charged_frames_are_kept(self) -> Self:
        if self.charged and self.checks.charged == "reject":
            raise ValueError(
                f"structures.{self.charged[0]}.total_charges_e: checks reject charged frames; set "
                "checks.charged: keep"
            )
        return self


class DisplaceSpec(Spec):
    """Structures to displace.

    Attributes
    ----------
    name
        Of the dataset.
    structures
        As configured.
    seed
        Of the displacements; those of a structure depend on its name, not on the others.
    """

    name: Annotated[str, Field(min_length=1)]
    structures: dict[Name, Structure]
    seed: int


def displace(spec: DisplaceSpec) -> list[Atoms]:
    """Displace atoms by Gaussian random numbers, frame by frame, unlabelled.

    Frames of one geometry follow each other, one of each total charge. Their `info` has
    `config_type` and `trajectory`, the structure's name; `geometry`, its number; `total_charge` in
    e, where there is one; `number`; and where atoms were removed their neighbours,
    `beside_removed`. DatasetError if a structure cannot be built.
    """
    frames: list[Atoms] = []
    for name, structure in spec.structures.items():
        try:
            at_rest = structure.build()
        except DatasetError as error:
            raise DatasetError(f"datasets.{spec.name}.structures.{name}.{error}") from None
        generator = np.random.default_rng([spec.seed, *name.encode()])
        for geometry in range(structure.n_geometries):
            moved = at_rest.copy()
            moved.positions += generator.normal(0.0, structure.amplitude_A, (len(moved), 3))
            for charge_e in structure.total_charges_e:
                frame = moved.copy()
                frame.info |= {"config_type": name, "trajectory": name, GEOMETRY: geometry}
                frame.info["number"] = len(frames)
                set_total_charge(frame, charge_e)
                frames.append(frame)
    return frames
