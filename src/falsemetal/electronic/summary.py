"""Tables of jobs: what was asked, what came of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from falsemetal.arrays import BoolArray
from falsemetal.electronic.bands import NO_LAYER, BandEdges, find_band_edges
from falsemetal.electronic.job import DONE, Outcome, read_manifest, read_written
from falsemetal.electronic.profiles import response
from falsemetal.electronic.result import ElectronicStructure
from falsemetal.electronic.specs import ReadJobSpec, RunJobSpec
from falsemetal.electronic.structure import find_faces, searched_layers
from falsemetal.progress import logger
from falsemetal.systems.molecules import is_centre
from falsemetal.systems.surfaces import SOLID_REGIONS
from falsemetal.units import EPSILON_0

PDOS_COLUMNS = ["z_A", "height_A", "region", "searched", "energy_eV", "states_per_eV"]
RESULT_COLUMNS = (
    "fermi_eV",
    "gap_eV",
    "vbm_eV",
    "cbm_eV",
    "edge_gap_eV",
    "edge_flag",
    "P_z_dft_e_per_A",
    "delta_V_dft_V",
)
RESPONSE_COLUMNS = ["z_A", "delta_phi_eV", "delta_rho_per_A3", "slab_low_A", "slab_high_A"]


def summarise_job(folder: str | Path, outcome: Outcome, spec: ReadJobSpec) -> pd.DataFrame:
    """One row: frame, functional, field, status, gaps and dipole.

    `gap_eV` lies between the highest occupied level and the next; `edge_gap_eV`, `vbm_eV`, `cbm_eV`
    and `edge_flag` come from the liquid's density of states by the search of S1.0.5, in the
    `n_searched` molecules of :func:`falsemetal.electronic.structure.searched_layers`; a metal
    beside it has no gap. `P_z_e_per_A`, of films, and `delta_V_V` are by fixed charges, those of
    electronic structure instead of the runs' own, `P_z_dft_e_per_A` by electronic structure.
    """
    manifest = read_manifest(folder)
    frame = manifest["frame"]
    scale = spec.electronic_charge_e / frame["charge_e"]
    row: dict[str, Any] = {
        "folder": str(folder),
        "engine": manifest["engine"],
        "functional": manifest["functional"],
        **{key: manifest[key] for key in ("boundary", "field_V_per_A", "cubes")},
        "trajectory": frame["trajectory"],
        "step": frame["step"],
        "time_ps": frame["time_ps"],
        "charge_e": spec.electronic_charge_e,
        "delta_V_V": scale * frame["delta_V_V"],
        "status": outcome.status,
        "reason": outcome.reason,
    } | dict.fromkeys(RESULT_COLUMNS, np.nan)
    if "P_z_e_per_A" in frame:
        row["P_z_e_per_A"] = scale * frame["P_z_e_per_A"]
    electrons, n_searched = outcome.electrons, np.nan
    if electrons is not None:
        chosen, n_searched = _searched(folder, electrons, spec)
        edges = _find_edges(electrons, chosen, manifest, spec)
        row |= {
            "engine": electrons.engine,
            "fermi_eV": electrons.fermi_eV,
            "gap_eV": electrons.gap_eV,
            "vbm_eV": edges.vbm_eV,
            "cbm_eV": edges.cbm_eV,
            "edge_gap_eV": edges.gap_eV,
            "edge_flag": edges.flag or "",
        }
        if electrons.dipole_e_per_A is not None:
            row["P_z_dft_e_per_A"] = electrons.dipole_e_per_A
            row["delta_V_dft_V"] = electrons.dipole_e_per_A / EPSILON_0
    return pd.DataFrame([row | {"n_searched": n_searched}])


def _searched(
    folder: str | Path, electrons: ElectronicStructure, spec: ReadJobSpec
) -> tuple[BoolArray, int]:
    """Tell which layers are searched, shape (n_layers,), and how many molecules these hold."""
    structure, _ = read_written(folder)
    chosen = searched_layers(
        structure,
        electrons.layers,
        liquid=spec.liquid,
        clearance_A=spec.band_search.clearance_A,
    )
    atoms = [layer.atoms for layer, of in zip(electrons.layers, chosen, strict=True) if of]
    centres = is_centre(structure.numbers, spec.liquid)
    return chosen, int(sum(np.count_nonzero(centres[indices]) for indices in atoms))


def _find_edges(
    electrons: ElectronicStructure,
    chosen: BoolArray,
    manifest: Mapping[str, Any],
    spec: ReadJobSpec,
) -> BandEdges:
    if not chosen.any():
        return BandEdges(np.nan, np.nan, NO_LAYER)
    frame = manifest["frame"]
    is_beside_solid = any(layer.region in SOLID_REGIONS for layer in electrons.layers)
    # between two faces by ΔV of the centre; bulk tilts up and down: either order finds the same
    tilt = frame.get("P_z_e_per_A", EPSILON_0 * frame["delta_V_V"] if is_beside_solid else 0.0)
    return find_band_edges(
        electrons.energies_eV,
        electrons.density[chosen].sum(axis=0),
        dipole_e_per_A=tilt,
        **spec.band_search.thresholds,
    )


def tabulate_density(folder: str | Path, outcome: Outcome, spec: ReadJobSpec) -> pd.DataFrame:
    """Density of states by layer in long form: columns as of :data:`PDOS_COLUMNS`.

    `height_A` is above the face of a solid, NaN without one; `searched` tells whether the layer is
    one of those that tell the liquid's band edges. Regions that share a slice have a layer each, at
    one `z_A`.
    """
    electrons = outcome.electrons
    if electrons is None:
        return pd.DataFrame(columns=PDOS_COLUMNS)
    n_layers, n_energies = electrons.density.shape
    z = np.array([layer.height_A for layer in electrons.layers])
    faces = find_faces(read_written(folder)[0])
    heights = np.full(n_layers, np.nan) if faces is None else faces.about_the_gap(z)
    return pd.DataFrame(
        {
            "z_A": np.repeat(z, n_energies),
            "height_A": np.repeat(heights, n_energies),
            "region": np.repeat([layer.region for layer in electrons.layers], n_energies),
            "searched": np.repeat(_searched(folder, electrons, spec)[0], n_energies),
            "energy_eV": np.tile(electrons.energies_eV, n_layers),
            "states_per_eV": electrons.density.ravel(),
        }
    )


def tabulate_response(
    with_field: str | Path, without_field: str | Path, spec: RunJobSpec
) -> pd.DataFrame:
    """Eqs. S7 and S8 from two jobs of one frame, told by their tables of :func:`summarise_job`.

    Columns are `z_A`; `delta_phi_eV`, the change of an electron's potential energy, which rises
    along the field; `delta_rho_per_A3`, of the density of electrons; and the slab's faces, the
    lowest and highest nucleus, `slab_low_A` and `slab_high_A`. Empty, and the log tells why, where
    a job is not done or its cubes are not read.
    """
    states = [pd.read_csv(path)["status"].iloc[0] for path in (with_field, without_field)]
    try:
        if set(states) != {DONE}:
            raise ValueError(" and ".join(states))
        return _response(Path(with_field).parent, Path(without_field).parent, spec)
    except ValueError as error:
        logger.warning("no response: %s", error)
        return pd.DataFrame(columns=RESPONSE_COLUMNS)


def _response(with_field: Path, without_field: Path, spec: RunJobSpec) -> pd.DataFrame:
    grids = [
        spec.engine.response_grids(folder, field_V_per_A=read_manifest(folder)["field_V_per_A"])
        for folder in (with_field, without_field)
    ]
    potentials, densities = zip(*grids, strict=True)
    structure, _ = read_written(with_field)
    z = structure.positions[:, 2]
    return pd.DataFrame(
        {
            "z_A": potentials[0].heights_A,
            "delta_phi_eV": response(*potentials),
            "delta_rho_per_A3": response(*densities),
            "slab_low_A": z.min(),
            "slab_high_A": z.max(),
        }
    )
