"""Charges that a long-ranged model has learned, and its polarization (paper, eqs. S4 and S5)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from ase.data import chemical_symbols

from falsemetal.arrays import FloatArray
from falsemetal.estimators.dipole import molecular_dipoles
from falsemetal.potentials.loading import load_potential
from falsemetal.potentials.mace.polarization import fold_polarization
from falsemetal.potentials.specs import LearnedChargesSpec
from falsemetal.potentials.store import torch_device
from falsemetal.systems.molecules import find_molecules


def learned_charges(
    folder: Path, frames: Sequence[Atoms], spec: LearnedChargesSpec, *, threads: int
) -> pd.DataFrame:
    """Tabulate a model's charges and polarization, frame by frame.

    Frames of anything but whole molecules of the liquid are passed over, for eq. 1 does not hold
    for them, and oblique cells. The polarization of formal charges is that of its branches, a
    quantum apart, which is nearest to eq. 1. Columns are `config_type`; for each element the mean
    charge over atoms and their standard deviation, `charge_O_e` and `charge_std_O_e`; total dipoles
    by the model, `dipole_x_e_A`, and by eq. 1, `dipole_eq1_x_e_A`, likewise y and z.
    """
    torch.set_num_threads(threads)
    device = torch_device(spec.device)
    model = load_potential(folder, dtype=getattr(torch, spec.dtype), device=device)
    charges = spec.liquid.charges(spec.charge_e)
    rows = []
    for atoms in frames:
        if not set(atoms.symbols) <= set(charges) or not atoms.cell.orthorhombic:
            continue
        molecules = find_molecules(
            atoms.positions[None],
            atoms.numbers,
            atoms.cell.array,
            atoms.pbc,
            molecule=spec.liquid,
        )
        if not molecules.intact.all():
            continue
        graph = model.graph_of(atoms)
        with torch.no_grad():
            found = model.charges_and_dipole(graph.to(device))
        if found is None:
            raise ValueError(f"{folder}: a model without charges")
        of_atoms, dipole = found[0].cpu().double().numpy(), found[1][0].cpu().double()
        row = {"config_type": atoms.info["config_type"]}
        for number in np.unique(atoms.numbers):
            of_element = of_atoms[atoms.numbers == number]
            symbol = chemical_symbols[number]
            row[f"charge_{symbol}_e"] = of_element.mean()
            row[f"charge_std_{symbol}_e"] = of_element.std()
        fixed = molecular_dipoles(molecules, charges)[0].sum(axis=0)
        difference = fold_polarization(
            dipole - torch.tensor(fixed),
            torch.tensor(atoms.cell.array),
            tuple(bool(periodic) for periodic in atoms.pbc),  # type: ignore[arg-type]
        )
        own = fixed + difference.numpy()
        rows.append(row | _by_axis("dipole", own) | _by_axis("dipole_eq1", fixed))
    elements = [f"charge{of}_{element}_e" for element in charges for of in ("", "_std")]
    axes = [f"{name}_{axis}_e_A" for name in ("dipole", "dipole_eq1") for axis in "xyz"]
    return pd.DataFrame(rows, columns=["config_type", *elements, *axes])


def _by_axis(name: str, vector: FloatArray) -> dict[str, float]:
    return {f"{name}_{axis}_e_A": float(value) for axis, value in zip("xyz", vector, strict=True)}
