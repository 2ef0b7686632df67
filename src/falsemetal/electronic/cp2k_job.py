"""Inputs of CP2K for the electronic structure of one frame (the physics of S1.0.5)."""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from ase import Atoms

from falsemetal.config import Cp2kSettings, Functional
from falsemetal.electronic.errors import JobError
from falsemetal.electronic.structure import Layer
from falsemetal.programs.cp2k_input import format_input, structure_sections
from falsemetal.units import BOHR, HARTREE

PROJECT = re.compile(r"^ *PROJECT +(job-\w+)$", re.MULTILINE)
"""Start of the names of CP2K's files, which it also prints: it tells the outputs of one input from
those of another.
"""

UNNAMED = "job-00000000"

VALENCE = {1: 1, 6: 4, 7: 5, 8: 6, 11: 9, 17: 7, 22: 12, 29: 11}
"""Electrons that the GTH pseudopotentials leave, by atomic number."""

FUNCTIONALS: Mapping[Functional, dict[str, Any]] = {
    "PBE": {"XC_FUNCTIONAL": {"PBE": {}}},
    "RPBE": {"XC_FUNCTIONAL": {"GGA_X_RPBE": {}, "GGA_C_PBE": {}}},
    "revPBE0": {
        "XC_FUNCTIONAL": {"PBE": {"PARAMETRIZATION": "REVPBE", "SCALE_X": 0.75, "SCALE_C": 1.0}},
        "HF": {
            "FRACTION": 0.25,
            "SCREENING": {"EPS_SCHWARZ": 1.0e-6, "SCREEN_ON_INITIAL_P": "F"},
            "INTERACTION_POTENTIAL": {"POTENTIAL_TYPE": "TRUNCATED", "T_C_G_DATA": "t_c_g.dat"},
            "MEMORY": {"MAX_MEMORY": 4000},
        },
    },
}

ADMM = {"METHOD": "BASIS_PROJECTION", "ADMM_PURIFICATION_METHOD": "NONE"}
"""Exact exchange of the density projected onto an auxiliary basis; without purification, which
diagonalisation with smearing does not allow.
"""

TRUNCATION = 0.49
"""Radius of the truncated exchange over the shortest edge, whose half must exceed it."""


def cp2k_input(
    atoms: Atoms,
    layers: Sequence[Layer],
    settings: Cp2kSettings,
    *,
    functional: Functional,
    field_V_per_A: float | None,
) -> str:
    """Single point with projected densities of states.

    A slab gets the surface dipole correction with its step where the cell ends. CP2K gives up where
    charge reaches there, if only on the way to self-consistency.

    Parameters
    ----------
    atoms
        Periodic in x and y; in z, or with vacuum there.
    layers
        Lists of atoms onto which states are projected.
    settings
        Basis, cutoffs, convergence.
    functional
        Of exchange and correlation.
    field_V_per_A
        Along z, positive when it pushes positive charge up. With any field, 0 too, cubes of the
        Hartree potential and of the density are written. CP2K's external potential is an
        electrostatic one, for positive charge: its slope is minus the field.

    Raises
    ------
    JobError
        For an element without a known pseudopotential, or a field in a cell without vacuum.
    """
    slab = not atoms.pbc[2]
    if field_V_per_A and not slab:
        raise JobError("a field along z needs vacuum where its potential jumps; choose a slab")
    box = atoms.copy()
    box.pbc = True
    bases, bases_files = [settings.basis], [settings.basis_file]
    auxiliary = "HF" in FUNCTIONALS[functional] and settings.exchange_basis is not None
    if auxiliary:
        bases.append(f"AUX_FIT {settings.exchange_basis}")
        bases_files.append(settings.exchange_basis_file)
    dft = {
        "BASIS_SET_FILE_NAME": bases_files,
        "POTENTIAL_FILE_NAME": "GTH_POTENTIALS",
        "WFN_RESTART_FILE_NAME": f"{UNNAMED}-RESTART.wfn",
        "MGRID": {"CUTOFF": settings.cutoff_Ry, "REL_CUTOFF": settings.rel_cutoff_Ry},
        "QS": {"EPS_DEFAULT": settings.eps_default},
        "SCF": _scf(atoms, settings),
        "XC": _exchange_correlation(atoms, functional),
        "PRINT": _prints(layers, cubes=field_V_per_A is not None),
    }
    if auxiliary:
        dft["AUXILIARY_DENSITY_MATRIX_METHOD"] = ADMM
    if slab:
        dft |= {"SURFACE_DIPOLE_CORRECTION": "T", "SURF_DIP_DIR": "Z", "SURF_DIP_POS": 0.0}
    if field_V_per_A:
        slope = -field_V_per_A * BOHR / HARTREE
        dft["EXTERNAL_POTENTIAL"] = {
            "FUNCTION": "A*Z",
            "PARAMETERS": "A",
            "VALUES": f"{slope:.10e}",
        }
    subsys = structure_sections(box)
    for symbol in dict.fromkeys(atoms.symbols):
        valence = _valence(int(atoms.numbers[atoms.symbols == symbol][0]))
        subsys[f"KIND {symbol}"] = {
            "BASIS_SET": [basis.format(valence=valence) for basis in bases],
            "POTENTIAL": f"GTH-PBE-q{valence}",
        }
    text = format_input(
        {
            "GLOBAL": {"PROJECT": UNNAMED, "RUN_TYPE": "ENERGY", "PRINT_LEVEL": "MEDIUM"},
            "FORCE_EVAL": {"METHOD": "QS", "DFT": dft, "SUBSYS": subsys},
        }
    )
    return text.replace(UNNAMED, f"job-{sha256(text.encode()).hexdigest()[:8]}")


def _scf(atoms: Atoms, settings: Cp2kSettings) -> dict[str, Any]:
    occupied = sum(_valence(number) for number in atoms.numbers.tolist()) // 2
    return {
        # falls back on atoms where there is no file: a killed run goes on from its last orbitals
        "SCF_GUESS": "RESTART",
        "EPS_SCF": settings.scf_tolerance,
        "MAX_SCF": settings.scf_steps,
        "ADDED_MOS": max(1, round(settings.empty_share * occupied)),
        "DIAGONALIZATION": {"ALGORITHM": "STANDARD"},
        "MIXING": {
            "METHOD": "BROYDEN_MIXING",
            "ALPHA": settings.mixing,
            "BETA": settings.mixing_damping_per_bohr,
            "NBROYDEN": settings.mixing_history,
        },
        "SMEAR": {
            "METHOD": "FERMI_DIRAC",
            "ELECTRONIC_TEMPERATURE": f"[K] {settings.electronic_temperature_K:g}",
        },
        "PRINT": {"RESTART": {"EACH": {"QS_SCF": 10}}, "RESTART_HISTORY OFF": {}},
    }


def _exchange_correlation(atoms: Atoms, functional: Functional) -> dict[str, Any]:
    sections = FUNCTIONALS[functional]
    if "HF" not in sections:
        return sections
    radius = TRUNCATION * float(atoms.cell.lengths().min())
    potential = sections["HF"]["INTERACTION_POTENTIAL"] | {"CUTOFF_RADIUS": f"{radius:.4f}"}
    return sections | {"HF": sections["HF"] | {"INTERACTION_POTENTIAL": potential}}


def _prints(layers: Sequence[Layer], *, cubes: bool) -> dict[str, Any]:
    # CP2K counts atoms from one
    lists = [{"LIST": " ".join(str(index + 1) for index in layer.atoms)} for layer in layers]
    prints: dict[str, Any] = {"PDOS": {"NLUMO": -1, "LDOS": lists}}
    if cubes:
        every_point = {"STRIDE": "1 1 1"}
        prints |= {"V_HARTREE_CUBE": every_point, "E_DENSITY_CUBE": every_point}
    return prints


def _valence(number: int) -> int:
    if number not in VALENCE:
        raise JobError(
            f"element {number}: no pseudopotential is known for it; add its valence electrons to "
            "falsemetal.electronic.cp2k_job.VALENCE"
        )
    return VALENCE[number]
