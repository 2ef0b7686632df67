"""What the Gaussians' width and the atoms left out do to ΔV of elongated cells of SPC/E water.

python benchmarks/cell_potential.py          # simulate, write tables and page (half an hour)
python benchmarks/cell_potential.py --page   # write the page from the tables
"""

import math
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from ase.data import atomic_numbers
from common import ORIGIN, RESULTS, THREADS, equilibrate, keep
from scipy.special import erf

from falsemetal.arrays import BoolArray, FloatArray
from falsemetal.campaigns import WaterBox
from falsemetal.electrostatics.cell import atomic_potentials, own_potential
from falsemetal.estimators.statistics import (
    fraction_interval,
    independent_frames,
    mean_interval,
    std_interval,
)
from falsemetal.observables.settings import Analysis
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.potentials.runners import LammpsRunner, RunSpec
from falsemetal.potentials.running import run
from falsemetal.products.saving import to_markdown
from falsemetal.simulation.settings import Conditions
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.units import COULOMB

Rows = list[dict[str, Any]]

PAGE = Path(__file__).parents[1] / "docs/cell-potential.md"
CELLS = WaterBox(kind="water_box", sizes_A=[20.42, 40.85, 61.27], equilibration_ps=40.0)
WIDTHS_A = (0.5, 0.7, 1.0, 1.4, 2.0)
CHARGE_O_E = -0.5562
TIMESTEP_FS, HYDROGEN_MASS_U = 2.0, 4.0
DURATION_PS, FRAME_INTERVAL_PS = 200.0, 0.2
GAP_V = Analysis().band_gap_eV
LEFT_OUT = ("nothing", "own Gaussian", "own molecule")
WAVES_V = (0.0, 2.0, GAP_V, 8.0)


HEAD = """# ΔV of a periodic cell

A cell without surfaces has no dipole to read a potential drop from. The paper (S1.2.3; Figures 3c,
3d and S10) puts a spherical Gaussian charge on every atom, q_H = −q_O/2, and takes the highest
minus the lowest electrostatic potential found at an atom:

    φ(r_i) = 1/(ε0 V) Σ_(k≠0) exp(−k²σ²/2)/k² Σ_j q_j exp(i k·(r_i − r_j))
    ΔV = max φ(r_i) − min φ(r_i)

`falsemetal.electrostatics.cell` computes it to 1e-6 V. Two things stay open. The paper's text
has lost the width σ; here it is `analysis.gaussian_width_A`, by default 1.0 Å. And the paper names
no atom that is left out of the sum. Nor does `falsemetal` leave one out: an atom sees its own
Gaussian, which adds the constant √(2/π)·q/(4πε0·σ), −6.39 V at O and +3.20 V at H for 1 Å, and the
other two of its molecule, which take most of that back.

The tables show what either choice does. They are from a run of 200 ps of flexible SPC/E at 300 K in
each of three cells of 12.42 × 12.42 × L_z Å, with 105, 210 and 315 molecules (0.997 g/cm³), seen
with q_O = −0.5562 e. ΔV is proportional to the charge: with SPC/E's own −0.8476 e all is 1.524
times as large. Brackets are 95 % intervals. `benchmarks/cell_potential.py` makes tables and page.
"""
WAVES = """## Mean of ΔV in V with a wave of potential along the cell

Short-ranged models let the potential vary along the cell more than it should. Here ½·U·cos(2πz/L_z)
is added to the potential of every frame at L_z = 61.27 Å, nothing left out.
"""
CONCLUSIONS = """## What the choice moves

- **The offset.** With nothing left out ΔV at 20.42 Å falls from 7.4 V (σ = 0.5 Å) to 0.7 V (2 Å).
  The nearest atoms make it: narrow Gaussians show the contrast of O and H within a molecule.
- **Not the trend.** From 20.42 to 61.27 Å the mean grows by 0.47 to 0.52 V at every σ, whatever is
  left out, or by 0.7 to 0.8 V with −0.8476 e. Long waves pass all these Gaussians:
  exp(−k²σ²/2) of the longest wave is 0.83 at 20.42 Å and 0.98 at 61.27 Å even for σ = 2 Å. One of
  U = 4.45 V raises ΔV by 3.6 to 3.8 V at every σ. So what a short-ranged model adds to ΔV is seen
  with any width. Wide Gaussians show it more clearly: from 20.42 to 61.27 Å the standard deviation
  grows by a factor of 1.2 at 0.5 Å, 1.4 at 1 Å and 1.8 at 2 Å.
- **The distance to the band gap of 4.45 V.** At σ = 1 Å the reference stays 2.8 V below it at
  20.42 Å and 2.3 V at 61.27 Å (1.9 V and 1.2 V with −0.8476 e). At 0.5 Å it lies beyond in every
  frame. The wave that lifts the mean to the gap at 61.27 Å has U of about 3.0 V at 1 Å, 3.6 V at
  1.4 Å and 4.0 V at 2 Å: a share of frames beyond the gap is that of a width. Compare potentials
  with each other rather than with the gap.
- **The own Gaussian** is no choice to be had: without it alone ΔV is the contrast of O and H, 5.4 V
  at the widest, so that the reference would count as a metal.
- **The own molecule** left out, ΔV is 0.3 V higher at 1 Å and 0.1 V higher at 2 Å, with the same
  trend and the same standard deviation to 0.01 V from 0.7 Å on; at 0.5 Å it is 2.9 instead of
  7.4 V. This definition depends least on σ.
"""


def simulate(length_A: float, path: Path) -> None:
    """Run flexible SPC/E in an elongated cell."""
    interval_steps = round(1000.0 * FRAME_INTERVAL_PS / TIMESTEP_FS)
    conditions = Conditions(
        temperature_K=300.0,
        timestep_fs=TIMESTEP_FS,
        hydrogen_mass_u=HYDROGEN_MASS_U,
        frame_interval_steps=interval_steps,
        seed=1,
        n_steps=interval_steps * round(DURATION_PS / FRAME_INTERVAL_PS),
    )
    runner = LammpsRunner(force_field=WaterForceField(), friction_per_fs=0.01)
    spec = RunSpec(origin=ORIGIN, conditions=conditions, runner=runner)
    start = path.with_suffix(".extxyz")
    equilibrate(CELLS, length_A).write(start)
    run(spec, start, path.parent, path, threads=THREADS, stamp={})


def potentials_by_choice(
    positions: FloatArray, oxygen: BoolArray, cell: FloatArray, width_A: float
) -> dict[str, FloatArray]:
    """Potentials of all frames, without what each choice leaves out."""
    charges = np.where(oxygen, CHARGE_O_E, -0.5 * CHARGE_O_E)
    complete = atomic_potentials(positions, charges, cell, width_A=width_A)
    own = own_potential(charges, width_A=width_A)
    partners = potential_of_partners(positions, charges, width_A)
    return dict(zip(LEFT_OUT, (complete, complete - own, complete - own - partners), strict=True))


def potential_of_partners(positions: FloatArray, charges: FloatArray, width_A: float) -> FloatArray:
    """Potential of the molecule's other Gaussians; atoms in the order O, H, H, molecules whole."""
    molecules = positions.reshape(len(positions), -1, 3, 3)
    found = np.zeros(molecules.shape[:3])
    for other in (1, 2):  # the next atom of the molecule, and the one after
        partner = np.roll(molecules, -other, axis=2)
        distance = np.linalg.norm(partner - molecules, axis=-1)
        charge = np.roll(charges.reshape(-1, 3), -other, axis=1)
        found += COULOMB * charge * erf(distance / (math.sqrt(2.0) * width_A)) / distance
    return found.reshape(positions.shape[:2])


def describe(potentials: FloatArray, oxygen: BoolArray) -> dict[str, float]:
    """Estimates of ΔV with 95 % intervals."""
    difference = np.ptp(potentials, axis=1)
    beyond = float((difference > GAP_V).mean())
    return {
        **mean_interval([difference]).as_columns("mean_dV_V"),
        **std_interval([difference]).as_columns("sigma_dV_V"),
        **fraction_interval(beyond, independent_frames([difference])).as_columns("beyond_gap"),
        "highest_at_H": float((~oxygen[potentials.argmax(axis=1)]).mean()),
    }


def describe_waves(potentials: FloatArray, phase: FloatArray) -> Iterator[dict[str, float]]:
    """Mean ΔV with a wave of potential along the cell laid over every frame."""
    for wave_V in WAVES_V:
        difference = np.ptp(potentials + 0.5 * wave_V * np.cos(phase), axis=1)
        yield {"wave_V": wave_V, **mean_interval([difference]).as_columns("mean_dV_V")}


def measure() -> tuple[Rows, Rows]:
    """Rows for each cell, width and choice; and for each cell, width and wave."""
    rows: Rows = []
    waves: Rows = []
    for length_A in CELLS.sizes_A:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "cell.h5"
            simulate(length_A, path)
            with Trajectory(path) as trajectory:
                positions = np.concatenate(list(trajectory.position_chunks()))
                oxygen, cell = trajectory.numbers == atomic_numbers["O"], trajectory.cell
        phase = 2.0 * math.pi * positions[..., 2] / length_A
        for width_A in WIDTHS_A:
            known = {"length_A": length_A, "n_molecules": oxygen.sum(), "width_A": width_A}
            choices = potentials_by_choice(positions, oxygen, cell, width_A)
            for left_out, potentials in choices.items():
                rows.append(known | {"left_out": left_out} | describe(potentials, oxygen))
            complete = choices[LEFT_OUT[0]]
            waves += [known | row for row in describe_waves(complete, phase)]
    return rows, waves


def page(table: pd.DataFrame, waves: pd.DataFrame) -> str:
    """`docs/cell-potential.md`."""
    at_longest = waves[waves["length_A"] == waves["length_A"].max()]
    at_longest = at_longest.assign(wave_V=at_longest["wave_V"].map("U = {:g} V".format))
    table = table.assign(length_A=table["length_A"].map("L_z = {:g} Å".format))
    choices = {"width_A": "σ (Å)", "left_out": "left out"}
    sections = [
        HEAD,
        "## Mean of ΔV in V\n",
        pivot(table, "mean_dV_V", choices, "length_A"),
        "## Standard deviation of ΔV in V\n",
        pivot(table, "sigma_dV_V", choices, "length_A"),
        WAVES,
        pivot(at_longest, "mean_dV_V", {"width_A": "σ (Å)"}, "wave_V"),
        CONCLUSIONS,
    ]
    return "\n".join(sections)


def pivot(table: pd.DataFrame, estimate: str, rows: dict[str, str], columns: str) -> str:
    """Markdown of one estimate with its interval; `rows` names the columns that tell rows apart."""
    bounds = table[[estimate, f"{estimate}_low", f"{estimate}_high"]].itertuples(index=False)
    shown = [f"{value:.2f} ({low:.2f} to {high:.2f})" for value, low, high in bounds]
    wide = table.assign(shown=shown).pivot_table(
        "shown", [*rows], columns, aggfunc="first", sort=False
    )
    return to_markdown(wide.reset_index().rename(columns=rows))


if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    if "--page" not in sys.argv:
        measured, with_waves = measure()
        keep(measured, "cell_potential")
        keep(with_waves, "cell_potential_waves")
    tables = [pd.read_csv(RESULTS / f"cell_potential{end}.csv") for end in ("", "_waves")]
    PAGE.write_text(page(*tables))
