"""Tables of jobs: what was asked, what came of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from falsemetal.config import Electronic
from falsemetal.electronic.bands import find_band_edges
from falsemetal.electronic.cp2k_result import electron_density, electron_potential
from falsemetal.electronic.job import Outcome, read_manifest, read_written
from falsemetal.electronic.profiles import response
from falsemetal.units import EPSILON_0

PDOS_COLUMNS = ["z_A", "energy_eV", "states_per_eV"]
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


def summarise_job(folder: str | Path, outcome: Outcome, electronic: Electronic) -> pd.DataFrame:
    """One row: frame, functional, field, status, gaps and dipole.

    Parameters
    ----------
    folder
        Of the job.
    outcome
        As read.
    electronic
        Settings of the search for band edges.

    Returns
    -------
    DataFrame
        `gap_eV` lies between the highest occupied level and the next; `edge_gap_eV`, `vbm_eV`,
        `cbm_eV` and `edge_flag` come from the density of states by the search of S1.0.5.
        `P_z_e_per_A` and `delta_V_V` are by fixed charges, those of `electronic.charge_O_e` instead
        of the runs' own, `P_z_dft_e_per_A` by electronic structure.
    """
    manifest = read_manifest(folder)
    frame = manifest["frame"]
    scale = electronic.charge_O_e / frame["charge_O_e"]
    row: dict[str, Any] = {
        "folder": str(folder),
        "engine": manifest["engine"],
        "functional": manifest["functional"],
        "field_V_per_A": manifest["field_V_per_A"],
        "trajectory": frame["trajectory"],
        "step": frame["step"],
        "time_ps": frame["time_ps"],
        "charge_O_e": electronic.charge_O_e,
        "delta_V_V": scale * frame["delta_V_V"],
        "P_z_e_per_A": scale * frame.get("P_z_e_per_A", np.nan),
        "status": outcome.status,
        "reason": outcome.reason,
    } | dict.fromkeys(RESULT_COLUMNS, np.nan)
    electrons = outcome.electrons
    if electrons is not None:
        search = electronic.band_search
        edges = find_band_edges(
            electrons.energies_eV,
            electrons.density.sum(axis=0),
            # bulk tilts up and down: either order finds the same
            dipole_e_per_A=frame.get("P_z_e_per_A", 0.0),
            threshold_per_eV=search.threshold_per_eV,
            overlap_eV=search.overlap_eV,
            separation_eV=search.separation_eV,
        )
        row["engine"] = electrons.engine
        row |= {
            "fermi_eV": electrons.fermi_eV,
            "gap_eV": electrons.gap_eV,
            "vbm_eV": edges.vbm_eV,
            "cbm_eV": edges.cbm_eV,
            "edge_gap_eV": edges.gap_eV,
            "edge_flag": edges.flag or "",
            "P_z_dft_e_per_A": electrons.dipole_e_per_A,
            "delta_V_dft_V": electrons.dipole_e_per_A / EPSILON_0,
        }
    return pd.DataFrame([row])


def tabulate_density(outcome: Outcome) -> pd.DataFrame:
    """Density of states by layer in long form: `z_A`, `energy_eV`, `states_per_eV`."""
    electrons = outcome.electrons
    if electrons is None:
        return pd.DataFrame(columns=PDOS_COLUMNS)
    n_layers, n_energies = electrons.density.shape
    return pd.DataFrame(
        {
            "z_A": np.repeat(electrons.heights_A, n_energies),
            "energy_eV": np.tile(electrons.energies_eV, n_layers),
            "states_per_eV": electrons.density.ravel(),
        }
    )


def tabulate_response(with_field: str | Path, without_field: str | Path) -> pd.DataFrame:
    """Eqs. S7 and S8 from two jobs of CP2K.

    Parameters
    ----------
    with_field, without_field
        Folders of jobs of the same frame.

    Returns
    -------
    DataFrame
        `z_A`; `delta_phi_eV`, the change of an electron's potential energy, which rises along the
        field; `delta_rho_per_A3`, of the density of electrons; and the slab's faces, the lowest and
        highest nucleus, `slab_low_A` and `slab_high_A`.
    """
    fields = [read_manifest(folder)["field_V_per_A"] for folder in (with_field, without_field)]
    folders = list(zip((with_field, without_field), fields, strict=True))
    potentials = [electron_potential(folder, field_V_per_A=field) for folder, field in folders]
    densities = [electron_density(folder) for folder, _ in folders]
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
