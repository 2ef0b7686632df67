r"""The stacking test: what a slab's depolarising field costs a potential as the slab grows.

A cell of a liquid with the dipole M_z is stacked N times along z in vacuum. One cell more adds to a
slab what a cell has in the periodic bulk, and the energy of the depolarising field in its volume V,

.. math::
    E_\text{slab}(N + 1) - E_\text{slab}(N) - E_\text{cell} = \lambda \frac{M_z^2}{2 \epsilon_0 V}.

λ = 1 for exact electrostatics of fixed charges, and exactly 0, whatever the cell, for a potential
whose atoms see no farther than half the slab. A model with charges of its own has the square of
their dipole over M_z. Nothing is fitted, equilibrated or averaged.

The slabs are

slab
    periodic along x and y alone (TTF);
pair
    a slab and its copy turned by 180° about x, one above the other in one periodic cell (TTT): as
    their dipoles cancel, no field leaves them, whatever a code does at the boundaries. Twice the
    atoms;
periodic
    one slab in a periodic cell of fixed height H (TTT) with conducting boundary conditions, in
    which its images take the fraction (2N + 1)L_z/H off the energy.

The forces tell the same: in the middle of a slab they differ from the cell's by the depolarising
field times the potential's own effective charges, and at a depth d below a face of a slab of
thickness L by the fraction [λ(d) + λ(L − d)]/2 of that. A face also pushes and pulls at molecules
near it; what is not polar has opposite signs at the two faces and leaves their average.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from pydantic import Field

from falsemetal.arrays import FloatArray
from falsemetal.progress import logger
from falsemetal.section import Section
from falsemetal.verdict.errors import CheckError
from falsemetal.verdict.points import Point, SinglePoints
from falsemetal.verdict.probe import Probe
from falsemetal.verdict.slabs import VACUUM_A, Form, build, label_of, stack, taken_by_images

LAYER_A = 1.5
"""Thickness of a layer."""

IMAGES = 0.003
"""Energy by which the height of its cell may change a slab's, over the depolarising energy."""

LEAST_EXTENSIVE = 0.01
"""Energy by which two cells may differ from twice one, over the depolarising energy of a cell."""

LEAST_SLABS = 3
"""Slabs that suffice for a verdict, should a thicker one fail."""

LEAST_SIGNAL = 30.0
"""Depolarising energy of a cell over the uncertainty of an energy difference, at least."""


class Increment(Section):
    """What one cell more costs a slab, from N to N + 1 cells."""

    n_cells: int = Field(description="N")
    from_A: float = Field(description="Thickness before")
    to_A: float = Field(description="Thickness after")
    energy_eV: float = Field(description="E(N + 1) − E(N) − E_cell")
    energy_uncertainty_eV: float = Field(description="Half-width of its interval")
    fraction: float = Field(description="λ")
    uncertainty: float = Field(description="Half-width of its interval")

    @property
    def middle_A(self) -> float:
        """Thickness halfway."""
        return 0.5 * (self.from_A + self.to_A)


class Layer(Section):
    """Share of the depolarising field that molecules between two depths feel, over both faces."""

    depth_A: float = Field(description="Below a face, in the middle of the layer")
    thickness_A: float = Field(description="Of the slab")
    field_fraction: float = Field(description="Mean of both faces, by the fixed charges")
    weight: float = Field(description="Sum of the squares of these charges in e²")


class Stacking(Section):
    """Results of one probe."""

    probe: str
    n_atoms: int = Field(description="Of the cell")
    cell_thickness_A: float
    dipole_e_A: float = Field(description="Of the cell along z, by the fixed charges")
    depolarising_energy_eV: float = Field(description="M_z²/(2 ε0 V)")
    form: Form = Field(description="How slabs were built")
    increments: list[Increment] = Field(description="By growing thickness")
    layers: list[Layer] = Field(description="Of the thickest slab, from the faces to its middle")
    force_fraction: float | None = Field(
        description="λ by forces in the middle of the thickest slab of an odd number of cells"
    )
    charges_e: dict[str, float] = Field(
        description="Effective charges of the elements by these forces, were λ one"
    )
    seconds: float


def run_stacking(
    points: SinglePoints, probe: Probe, cells: Sequence[int], *, form: Form = "slab"
) -> Stacking:
    """Stack a probe.

    Parameters
    ----------
    points
        The calculator.
    probe
        Cell to be stacked.
    cells
        Numbers of cells of the slabs, consecutive.
    form
        How slabs are built.

    Raises
    ------
    CheckError
        If the calculator fails, or the probe's dipole is too small for its precision.
    """
    before = points.seconds
    cell = points.evaluate(probe.atoms, f"{probe.name}, periodic cell")
    _require_signal(points, probe, cell, max(cells))
    slabs: dict[int, Point] = {}
    for n in cells:
        try:
            slabs[n] = points.evaluate(build(probe, n, form, cells), label_of(probe, n, form))
        except CheckError as error:
            if len(slabs) < LEAST_SLABS:
                raise
            logger.warning("%s; going on without", error)
            break
    cells = list(slabs)
    taken = {n: taken_by_images(probe, n, cells) if form == "periodic" else 0.0 for n in cells}
    increments = _increments(points, probe, cell, slabs, taken, copies=2 if form == "pair" else 1)
    responses = {n: _responses(probe, cell, slabs[n], n) for n in cells}
    odd = max((n for n in cells if n % 2 and n > 1), default=None)
    fraction, charges = None, dict[str, float]()
    if odd is not None:
        effective = responses[odd][odd // 2] / (1.0 - taken[odd])
        fraction, charges = _effective_charges(probe, effective)
    most = max(cells)
    seen_by_images = taken[most] * increments[-1].fraction
    return Stacking(
        probe=probe.name,
        n_atoms=len(probe.atoms),
        cell_thickness_A=probe.thickness_A,
        dipole_e_A=probe.dipole_e_A,
        depolarising_energy_eV=probe.depolarising_energy_eV,
        form=form,
        increments=increments,
        layers=_layers(probe, responses[most], most, seen_by_images),
        force_fraction=fraction,
        charges_e=charges,
        seconds=points.seconds - before,
    )


def _require_signal(points: SinglePoints, probe: Probe, cell: Point, n_cells: int) -> None:
    """CheckError for a dipole that the energies of the thickest slab are too coarse for."""
    thickest = replace(cell, n_atoms=n_cells * cell.n_atoms, energy_eV=n_cells * cell.energy_eV)
    scale, uncertainty = probe.depolarising_energy_eV, points.uncertainty_eV(thickest, thickest)
    if scale < LEAST_SIGNAL * uncertainty:
        raise CheckError(
            f"{probe.name}: its dipole of {probe.dipole_e_A:.3g} e·Å along z is too small: the "
            f"depolarising field would cost {scale:.2g} eV, and energies of this calculator are "
            f"good to {uncertainty:.2g} eV; give another frame, or the calculator in double "
            "precision"
        )


def _increments(
    points: SinglePoints,
    probe: Probe,
    cell: Point,
    slabs: Mapping[int, Point],
    taken: Mapping[int, float],
    *,
    copies: int,
) -> list[Increment]:
    """Increments of slabs, of which images take away a part."""
    scale = probe.depolarising_energy_eV
    raw = {}
    for n in sorted(slabs)[:-1]:
        energy = (slabs[n + 1].energy_eV - slabs[n].energy_eV) / copies - cell.energy_eV
        uncertainty = points.uncertainty_eV(slabs[n + 1], slabs[n], cell) / copies
        raw[n] = energy, uncertainty
    # images see a whole slab from afar, by its λ of the thickest
    shares = (
        {n: taken[n] + taken[n + 1] for n in raw}
        if any(taken.values())
        else dict.fromkeys(raw, 0.0)
    )
    last = max(raw)
    far = raw[last][0] / scale / (1.0 - shares[last])
    return [
        Increment(
            n_cells=n,
            from_A=n * probe.thickness_A,
            to_A=(n + 1) * probe.thickness_A,
            energy_eV=energy,
            energy_uncertainty_eV=uncertainty,
            fraction=energy / scale + far * shares[n],
            uncertainty=uncertainty / scale / (1.0 - shares[last]),
        )
        for n, (energy, uncertainty) in raw.items()
    ]


def calibrate(points: SinglePoints, probe: Probe) -> float:
    """Find out how exact a calculator's energies are, by the thinnest cell.

    Returns the energy in eV of two periodic cells minus twice that of one. CheckError for a
    calculator that is not deterministic or not extensive.
    """
    label = f"{probe.name}, periodic cell"
    cell = points.evaluate(probe.atoms, label)
    limit = LEAST_EXTENSIVE * probe.depolarising_energy_eV
    points.learn_noise(probe.atoms, cell, label, limit_eV=limit)
    doubled = points.evaluate(probe.atoms.repeat((1, 1, 2)), f"{probe.name}, two periodic cells")
    points.learn_additivity(cell, doubled, 2, limit_eV=limit)
    return doubled.energy_eV - 2.0 * cell.energy_eV


def suitable_form(points: SinglePoints, probe: Probe) -> Form:
    """Form that a calculator treats rightly: `slab`, or `pair` if it does not know slabs.

    That is one which refuses them, lets their images interact, or forgets that they are periodic
    along x and y.
    """
    thin = stack(probe.atoms, 1)
    taller = stack(probe.atoms, 1, float(thin.cell[2, 2]) + VACUUM_A)
    taller.positions[:, :2] += 0.5 * taller.cell.lengths()[:2]
    taller.wrap()  # along x and y
    try:
        one = points.evaluate(thin, label_of(probe, 1, "slab"))
    except CheckError:
        # if the pair fails, too, that is told
        return "pair"
    other = points.evaluate(taller, f"{label_of(probe, 1, 'slab')} moved, in a taller cell")
    limit = max(points.uncertainty_eV(one, other), IMAGES * probe.depolarising_energy_eV)
    return "slab" if abs(one.energy_eV - other.energy_eV) <= limit else "pair"


def _responses(probe: Probe, cell: Point, slab: Point, n_cells: int) -> FloatArray:
    """Change of the forces along z over the depolarising field, in e, shape (n_cells, n_atoms)."""
    own = slab.forces_eV_per_A[: n_cells * len(probe.atoms), 2].reshape(n_cells, -1)
    return (own - cell.forces_eV_per_A[:, 2]) / probe.field_V_per_A


def _effective_charges(probe: Probe, effective: FloatArray) -> tuple[float, dict[str, float]]:
    """λ and mean charge of each element from effective charges of a cell's atoms in e."""
    fraction = float(probe.charges @ effective / (probe.charges @ probe.charges))
    symbols = np.array(probe.atoms.get_chemical_symbols())
    charges = {str(s): float(effective[symbols == s].mean()) for s in np.unique(symbols)}
    return fraction, charges


def _layers(
    probe: Probe, responses: FloatArray, n_cells: int, seen_by_images: float
) -> list[Layer]:
    thickness = n_cells * probe.thickness_A
    heights = (np.arange(n_cells)[:, None] * probe.thickness_A + probe.heights_A).ravel()
    charges = np.tile(probe.charges, n_cells)
    changes = responses.ravel()
    layers = []
    for top in np.arange(LAYER_A, 0.5 * thickness, LAYER_A):
        fractions, weight = [], 0.0
        for depths in (heights, thickness - heights):
            within = (depths >= top - LAYER_A) & (depths < top)
            if within.any():
                squares = float(charges[within] @ charges[within])
                fractions.append(float(charges[within] @ changes[within]) / squares)
                weight += squares
        if len(fractions) == 2:
            middle = float(top) - 0.5 * LAYER_A
            fraction = float(np.mean(fractions)) + seen_by_images
            layers.append(
                Layer(depth_A=middle, thickness_A=thickness, field_fraction=fraction, weight=weight)
            )
    return layers
