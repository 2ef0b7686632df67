"""Tables of jobs: what was asked, what came of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from falsemetal.electronic.bands import find_band_edges
from falsemetal.electronic.job import DONE, Outcome, read_manifest, read_written
from falsemetal.electronic.profiles import response
from falsemetal.electronic.specs import ReadJobSpec, RunJobSpec
from falsemetal.progress import logger
from falsemetal.units import EPSILON_0

PDOS_COLUMNS = ["z_A", "region", "energy_eV", "states_per_eV"]
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
    and `edge_flag` come from the liquid's density of states by the search of S1.0.5. `P_z_e_per_A`,
    of films, and `delta_V_V` are by fixed charges, those of electronic structure instead of the
    runs' own, `P_z_dft_e_per_A` by electronic structure.
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
    electrons = outcome.electrons
    if electrons is not None:
        # a metal beside the liquid has no gap
        liquid = [layer.region == spec.liquid.region for layer in electrons.layers]
        edges = find_band_edges(
            electrons.energies_eV,
            electrons.density[liquid].sum(axis=0),
            # bulk tilts up and down: either order finds the same
            dipole_e_per_A=frame.get("P_z_e_per_A", 0.0),
            **spec.band_search.model_dump(),
        )
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
    return pd.DataFrame([row])


def tabulate_density(outcome: Outcome) -> pd.DataFrame:
    """Density of states by layer in long form: `z_A`, `region`, `energy_eV`, `states_per_eV`.

    Regions that share a slice have a layer each, at one `z_A`.
    """
    electrons = outcome.electrons
    if electrons is None:
        return pd.DataFrame(columns=PDOS_COLUMNS)
    n_layers, n_energies = electrons.density.shape
    return pd.DataFrame(
        {
            "z_A": np.repeat([layer.height_A for layer in electrons.layers], n_energies),
            "region": np.repeat([layer.region for layer in electrons.layers], n_energies),
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
