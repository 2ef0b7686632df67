"""Faces of solids: metals by ASE's builders, rutile (110)."""

import json
from functools import cache
from typing import Annotated, ClassVar, Literal, Self

import ase.build
import numpy as np
from ase import Atoms
from ase.spacegroup import crystal
from pydantic import Field, model_validator

from falsemetal.arrays import BoolArray, FloatArray, IntArray
from falsemetal.registry import KindRegistry
from falsemetal.section import NonNegativeInt, Number, PositiveFloat, PositiveInt, Section
from falsemetal.systems.molecule import Element

SOLID_REGIONS = ("metal", "oxide")
"""Regions of a system's atoms that are solids."""

PLANE_A = 0.6
"""Atoms of a solid's heaviest element that lie no deeper belong to its outermost plane."""

Face = Literal["fcc111", "fcc100", "fcc110", "bcc110", "bcc100", "bcc111", "hcp0001", "hcp10m10"]
"""ASE's builders of metals, in cells with right angles."""

ANY_NUMBER = frozenset({"fcc100", "fcc110", "bcc100"})
"""Faces with a rectangular cell of one atom a layer; others take an even number along y."""

LEAST_LATTICE_A = 2.0
"""No element has a smaller lattice constant: it is given in another unit."""

Repeats = Annotated[list[Annotated[PositiveInt, Field(le=100)]], Field(min_length=2, max_length=2)]
Lattice = Annotated[PositiveFloat, Field(ge=LEAST_LATTICE_A, le=10.0)]


def outermost_planes(
    heights_A: FloatArray, numbers: IntArray, solid: BoolArray
) -> tuple[BoolArray, BoolArray]:
    """Tell which atoms are the lower and the upper plane of a solid, each of shape (n_atoms,).

    Of its heaviest element, whose nuclei mark the faces; `solid` tells the solid's atoms.
    """
    heaviest = solid & (numbers == numbers[solid].max())
    lowest, highest = heights_A[heaviest].min(), heights_A[heaviest].max()
    return (
        heaviest & (heights_A < lowest + PLANE_A),
        heaviest & (heights_A > highest - PLANE_A),
    )


class Surface(Section):
    """A slab of a solid with the face that a liquid is put on.

    Attributes
    ----------
    region
        That its atoms belong to.
    layer_name
        What its layers are called.
    """

    region: ClassVar[Literal["metal", "oxide"]]
    layer_name: ClassVar[str] = "layers"

    kind: str
    repeats: Repeats = Field(description="Of the face's cell along x and y")
    layers: PositiveInt = Field(le=100)
    fixed_layers: NonNegativeInt | None = Field(
        None, description="Lowest ones, whose atoms never move; default: all"
    )

    @property
    def n_fixed(self) -> int:
        """Lowest layers that never move."""
        return self.layers if self.fixed_layers is None else self.fixed_layers

    @property
    def moves(self) -> bool:
        """Whether any of its atoms move."""
        return self.n_fixed < self.layers

    @property
    def elements(self) -> tuple[str, ...]:
        """Of its atoms, that of the metal or the cation first."""
        raise NotImplementedError

    @property
    def edges_A(self) -> tuple[float, float]:
        """Edges of its cell along x and y in Å."""
        x, y = self.slab().cell.lengths()[:2]
        return float(x), float(y)

    @property
    def height_A(self) -> float:
        """From the lowest to the highest plane of nuclei in Å."""
        return float(np.ptp(self.slab().positions[:, 2]))

    def slab(self) -> Atoms:
        """Atoms from the lowest layer up, the lowest nuclei at z = 0; the cell has no height."""
        slab: Atoms = _slab(type(self), self.model_dump_json()).copy()
        return slab

    def fixed(self) -> BoolArray:
        """Whether each atom never moves, shape (n_atoms,)."""
        n_atoms = len(self.slab())
        return np.arange(n_atoms) < n_atoms * self.n_fixed // self.layers

    def build(self) -> Atoms:
        """Build the slab as :meth:`slab` gives it, layer by layer; ValueError where it cannot."""
        raise NotImplementedError

    def find_fault(self) -> str | None:
        """Tell what does not fit together, with its key and what to do, or None."""
        if 1 <= self.n_fixed <= self.layers:
            return None
        return (
            f"fixed_layers: {self.n_fixed} of {self.layers} {self.layer_name}; fix one at least, "
            "which keeps the slab from drifting, and all at most"
        )

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        if fault := self.find_fault():
            raise ValueError(fault)
        try:
            self.slab()
        except Exception as error:  # ASE raises anything
            raise ValueError(f"ASE cannot build it: {error}") from error
        return self


SURFACES: KindRegistry[Surface] = KindRegistry("kind of surface")

AnySurface = Annotated[Surface, SURFACES]


@cache
def _slab(kind: type[Surface], settings: str) -> Atoms:
    return kind.model_construct(**json.loads(settings)).build()


@SURFACES.register("metal")
class MetalSurface(Surface):
    """A low-index face of an elemental metal by ASE's builders."""

    region: ClassVar[Literal["metal", "oxide"]] = "metal"

    kind: Literal["metal"]
    element: Element
    face: Face = "fcc111"
    lattice_constant_A: Lattice
    c_A: Annotated[PositiveFloat, Field(ge=LEAST_LATTICE_A, le=20.0)] | None = Field(
        None, description="Of a hexagonal metal alone"
    )

    @property
    def elements(self) -> tuple[str, ...]:
        """The metal."""
        return (self.element,)

    def is_of(self, element: str, face: str) -> bool:
        """Tell whether it is this face of this metal."""
        return (self.element, self.face) == (element, face)

    def find_fault(self) -> str | None:
        """Tell what does not fit the face, or None."""
        if self.face.startswith("hcp") != (self.c_A is not None):
            return "c_A belongs to a face of a hexagonal metal, and only to it"
        if self.repeats[1] % 2 and self.face not in ANY_NUMBER:
            return (
                f"repeats: {self.repeats[1]} along y; {self.face} has right angles with an even "
                "number alone"
            )
        return super().find_fault()

    def build(self) -> Atoms:
        """Build by ASE."""
        hexagonal = {"c": self.c_A} if self.c_A is not None else {}
        slab = getattr(ase.build, self.face)(
            self.element,
            size=(*self.repeats, self.layers),
            a=self.lattice_constant_A,
            orthogonal=True,
            **hexagonal,
        )
        return _from_below(slab)


@SURFACES.register("rutile110")
class RutileSurface(Surface):
    """The stoichiometric (110) face of a rutile, x along [001] and y along [-110].

    A trilayer O–MO–O is symmetric: bridging oxygens above and below a plane of cations.
    """

    region: ClassVar[Literal["metal", "oxide"]] = "oxide"
    layer_name: ClassVar[str] = "trilayers"

    kind: Literal["rutile110"]
    cation: Element = "Ti"
    a_A: Lattice = 4.593
    c_A: Lattice = 2.958
    u: Annotated[Number, Field(gt=0.2, lt=0.4)] = Field(0.305, description="Of the oxygens")

    @property
    def elements(self) -> tuple[str, ...]:
        """Cation and oxygen."""
        return (self.cation, "O")

    def build(self) -> Atoms:
        """Cut a crystal between trilayers."""
        lengths = [self.a_A, self.a_A, self.c_A, 90, 90, 90]
        sites = [(0, 0, 0), (self.u, self.u, 0)]
        bulk = crystal([self.cation, "O"], sites, spacegroup=136, cellpar=lengths)
        pair = ase.build.cut(bulk, a=(0, 0, 1), b=(-1, 1, 0), c=(1, 1, 0))
        x, y, period = pair.cell.lengths()
        fractions = pair.get_scaled_positions()
        # cations lie in planes half a period apart, and the oxygens of a trilayer about its plane
        trilayer = np.round(2.0 * fractions[:, 2]).astype(int)
        above = 0.5 * period * (2.0 * fractions[:, 2] - trilayer)
        slab = Atoms(cell=[x, y, 0.0], pbc=[True, True, False])
        for index in range(self.layers):
            members = trilayer % 2 == index % 2
            heights = 0.5 * period * index + above[members]
            across = fractions[members, :2] * [x, y]
            slab += Atoms(pair.symbols[members], np.column_stack([across, heights]))
        per_layer = len(slab) // self.layers
        slab = slab.repeat((*self.repeats, 1))
        layer = np.arange(len(slab)) % (per_layer * self.layers) // per_layer
        return _from_below(slab[np.argsort(layer, kind="stable")])


def _from_below(slab: Atoms) -> Atoms:
    """Lowest nuclei at z = 0, in a cell without height."""
    x, y = slab.cell.lengths()[:2]
    positions = slab.positions - [0.0, 0.0, slab.positions[:, 2].min()]
    return Atoms(slab.symbols, positions, cell=[x, y, 0.0], pbc=[True, True, False])
