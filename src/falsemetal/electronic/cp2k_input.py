"""Inputs of CP2K for the electronic structure of one frame (the physics of S1.0.5)."""

import re
from typing import Any

from ase import Atoms

from falsemetal.electronic.cp2k import Cp2kEngine
from falsemetal.electronic.engine import SinglePoint
from falsemetal.electronic.errors import JobError
from falsemetal.electronic.structure import Layers
from falsemetal.files import text_sha256
from falsemetal.programs.cp2k_input import format_input, structure_sections
from falsemetal.units import BOHR, HARTREE

PROJECT = re.compile(r"^ *PROJECT +(job-\w+)$", re.MULTILINE)
"""Start of the names of CP2K's files, which it also prints: it tells the outputs of one input from
those of another.
"""

UNNAMED = "job-00000000"

VALENCE = {1: 1, 6: 4, 7: 5, 8: 6, 11: 9, 17: 7, 22: 12, 29: 11}
"""Electrons that the GTH pseudopotentials leave, by atomic number."""

ADMM = {"METHOD": "BASIS_PROJECTION", "ADMM_PURIFICATION_METHOD": "NONE"}
"""Exact exchange of the density projected onto an auxiliary basis; without purification, which
diagonalisation with smearing does not allow.
"""

TRUNCATION = 0.49
"""Radius of the truncated exchange over the shortest edge, whose half must exceed it."""


def cp2k_input(atoms: Atoms, layers: Layers, engine: Cp2kEngine, point: SinglePoint) -> str:
    """Single point with projected densities of states, or with forces.

    A slab gets the surface dipole correction with its step where the cell ends. CP2K aborts where
    charge reaches there, if only on the way to self-consistency. CP2K's external potential is an
    electrostatic one, for positive charge: its slope is minus the field. An element without a known
    pseudopotential raises JobError.
    """
    box: Atoms = atoms.copy()
    box.pbc = True
    bases, bases_files = [engine.basis], [engine.basis_file]
    exchange = engine.functionals[point.functional]
    auxiliary = "HF" in exchange and engine.exchange_basis is not None
    if auxiliary:
        bases.append(f"AUX_FIT {engine.exchange_basis}")
        bases_files.append(engine.exchange_basis_file)
    dft: dict[str, Any] = {
        "BASIS_SET_FILE_NAME": bases_files,
        "POTENTIAL_FILE_NAME": "GTH_POTENTIALS",
        "WFN_RESTART_FILE_NAME": f"{UNNAMED}-RESTART.wfn",
        "MGRID": {"CUTOFF": engine.cutoff_Ry, "REL_CUTOFF": engine.rel_cutoff_Ry},
        "QS": {"EPS_DEFAULT": engine.eps_default},
        "SCF": _scf(atoms, engine),
        "XC": _exchange_correlation(atoms, exchange),
        "PRINT": _prints(layers, cubes=point.cubes),
    }
    if auxiliary:
        dft["AUXILIARY_DENSITY_MATRIX_METHOD"] = ADMM
    if not atoms.pbc[2]:
        dft |= {"SURFACE_DIPOLE_CORRECTION": "T", "SURF_DIP_DIR": "Z", "SURF_DIP_POS": 0.0}
    if point.field_V_per_A:
        slope = -point.field_V_per_A * BOHR / HARTREE
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
    force_eval: dict[str, Any] = {"METHOD": "QS", "DFT": dft, "SUBSYS": subsys}
    if point.forces:
        dft.pop("PRINT")
        force_eval["PRINT"] = {"FORCES ON": {}}
    run_type = "ENERGY_FORCE" if point.forces else "ENERGY"
    text = format_input(
        {
            "GLOBAL": {"PROJECT": UNNAMED, "RUN_TYPE": run_type, "PRINT_LEVEL": "MEDIUM"},
            "FORCE_EVAL": force_eval,
        }
    )
    return text.replace(UNNAMED, f"job-{text_sha256(text)[:8]}")


def with_later_sections(text: str) -> str:
    """Return an input with the sections of CP2K 2026.2.

    There NLUMO would add all empty orbitals to every step of self-consistency: those of ADDED_MOS
    are projected.
    """
    text = re.sub(r"^ *NLUMO .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^( *&(?:END )?)PDOS$", r"\1DOS", text, flags=re.MULTILINE)


def _scf(atoms: Atoms, engine: Cp2kEngine) -> dict[str, Any]:
    occupied = sum(_valence(number) for number in atoms.numbers.tolist()) // 2
    return {
        # falls back on atoms where there is no file: a killed run goes on from its last orbitals
        "SCF_GUESS": "RESTART",
        "EPS_SCF": engine.scf_tolerance,
        "MAX_SCF": engine.scf_steps,
        "ADDED_MOS": max(1, round(engine.empty_share * occupied)),
        "DIAGONALIZATION": {"ALGORITHM": "STANDARD"},
        "MIXING": {
            "METHOD": "BROYDEN_MIXING",
            "ALPHA": engine.mixing,
            "BETA": engine.mixing_damping_per_bohr,
            "NBROYDEN": engine.mixing_history,
        },
        "SMEAR": {
            "METHOD": "FERMI_DIRAC",
            "ELECTRONIC_TEMPERATURE": f"[K] {engine.electronic_temperature_K:g}",
        },
        "PRINT": {"RESTART": {"EACH": {"QS_SCF": 10}}, "RESTART_HISTORY OFF": {}},
    }


def _exchange_correlation(atoms: Atoms, sections: dict[str, Any]) -> dict[str, Any]:
    if "HF" not in sections:
        return sections
    radius = TRUNCATION * float(atoms.cell.lengths().min())
    potential = sections["HF"]["INTERACTION_POTENTIAL"] | {"CUTOFF_RADIUS": f"{radius:.4f}"}
    return sections | {"HF": sections["HF"] | {"INTERACTION_POTENTIAL": potential}}


def _prints(layers: Layers, *, cubes: bool) -> dict[str, Any]:
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
            "falsemetal.electronic.cp2k_input.VALENCE"
        )
    return VALENCE[number]
