# ruff: noqa: N999 (the name of the table in the paper)
"""Symbols, what they mean, and where they are in tables and settings (paper, Table S1)."""

import pandas as pd

from falsemetal.products.registry import ProductSpec

COLUMNS = ("symbol", "meaning", "unit", "in tables or settings")

SYMBOLS = (
    ("P_z", "dipole per area of the liquid along z, eq. 1", "e/Å", "P_z_e_per_A"),
    ("P_z(z)", "the same of molecules below z", "e/Å", "cumulative.csv"),
    ("P_low, P_up", "the same of halves of a layer between two faces", "e/Å", "P_low_e_per_A"),
    ("ΔV", "potential above a film minus that below it, P_z/ε0", "V", "delta_V_V"),
    ("ΔV (cell)", "highest minus lowest potential at atoms of a periodic cell", "V", "delta_V_V"),
    ("ΔV_centre", "(P_low − P_up)/2ε0, between two faces of a metal", "V", "delta_V_V"),
    ("σ", "standard deviation over frames", "", "sigma_…"),
    ("q_O", "fixed charge of oxygen in eq. 1; hydrogen has −q_O/2", "e", "charge_e"),
    ("E_g(0)", "band gap without dipole", "eV", "analysis.band_gap_eV"),
    ("E_F", "Fermi level, by a metal's electrons", "eV", "window_V"),
    ("VBM, CBM", "highest filled and lowest empty state of the liquid", "eV", "vbm_eV, cbm_eV"),
    ("L, L_z", "thickness of a film or a layer, length of a cell", "Å", "sizes_A"),
    ("A", "cross-section of the cell", "Å²", "cross_section_A, surface"),
    ("r_cut", "cutoff of one message-passing layer", "Å", "r_cut_A"),
    ("l_max", "order of the messages", "", "l_max"),
    ("q_formal", "oxidation state from which charge is shifted, Table S2", "e", "formal_charges_e"),
    ("S_L, S_T", "structure factors of the polarisation along and across k", "", "S_L, S_T"),
    ("λ", "weight of the depolarising energy, 1 for exact electrostatics", "", "lambda_k"),
    ("C(τ)", "autocorrelation, eq. S9", "", "acf"),
)


def tabulate(spec: ProductSpec) -> pd.DataFrame:
    """Tabulate the symbols of figures and tables."""
    return pd.DataFrame(SYMBOLS, columns=list(COLUMNS))
