"""Classical references of interfaces: steps of molecular dynamics a second, and seconds a label.

    python benchmarks/interfaces.py

On one core. Labels, exact to 3e-5 eV/Å, are what the engine `LABELS` makes; beside them those by
the accuracy of dynamics on the same frame, and what they miss. The aim for 64 Cu and 72 H2O is 200
steps/s and 0.1 s a label.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import time
from statistics import median

import numpy as np
from common import equilibrate, keep

from falsemetal.campaigns import MetalWater, MetalWaterMetal, OxideWater
from falsemetal.campaigns.kind import CampaignKind
from falsemetal.potentials.force_field.deck import DYNAMICS, LABELS, Electrostatics
from falsemetal.potentials.force_field.engine import LammpsEngine
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.potentials.force_field.solids import COPPER
from falsemetal.systems.system import System

COPPER_FACE = {"kind": "metal", "element": "Cu", "lattice_constant_A": 3.59, "repeats": [4, 4]}
RUTILE_FACE = {"kind": "rutile110", "repeats": [3, 2], "layers": 4, "fixed_layers": 1}
EMBEDDED = {"Cu": COPPER.model_copy(update={"eam": "Cu_mishin1.eam.alloy"})}
PLAIN, MOVING = WaterForceField(), WaterForceField(metals=EMBEDDED)

REPEATS = 3
STEPS, INTERVAL_STEPS = 2000, 20
TIMESTEP_FS = 2.0


def systems() -> dict[str, tuple[CampaignKind, WaterForceField]]:
    """Systems by what they are."""
    shared = {"sizes_A": [24.2], "equilibration_ps": 2}
    return {
        "copper, conductor": (
            MetalWater(kind="metal_water", surface=COPPER_FACE | {"layers": 4}, **shared),
            PLAIN,
        ),
        "copper, conductor, two layers move": (
            MetalWater(
                kind="metal_water", surface=COPPER_FACE | {"layers": 4, "fixed_layers": 2}, **shared
            ),
            MOVING,
        ),
        "between copper, conductor": (
            MetalWaterMetal(
                kind="metal_water_metal", surface=COPPER_FACE | {"layers": 6}, **shared
            ),
            PLAIN,
        ),
        "rutile": (
            OxideWater(kind="oxide_water", surface=RUTILE_FACE, **(shared | {"sizes_A": [16.6]})),
            PLAIN,
        ),
    }


def steps_per_s(system: System, force_field: WaterForceField) -> float:
    """Speed of Langevin dynamics that is recorded every 20 steps."""
    with LammpsEngine(system.atoms, force_field, fixed=system.fixed, hydrogen_mass_u=4.0) as engine:
        engine.command(f"timestep {TIMESTEP_FS!r}")
        engine.start_langevin(300.0, 100.0, 1)
        engine.command("run 0 post no")
        began = time.perf_counter()
        for _ in range(STEPS // INTERVAL_STEPS):
            engine.command(f"run {INTERVAL_STEPS} pre no post no")
            _ = engine.positions, engine.forces
        return STEPS / (time.perf_counter() - began)


def label(
    system: System, force_field: WaterForceField, electrostatics: Electrostatics
) -> tuple[float, np.ndarray]:
    """Seconds of a label in an engine of its own, and its forces in eV/Å."""
    began = time.perf_counter()
    with LammpsEngine(system.atoms, force_field, electrostatics=electrostatics) as engine:
        engine.command("run 0 post no")
        forces = engine.forces
    return time.perf_counter() - began, forces


if __name__ == "__main__":
    rows = []
    for name, (campaign, force_field) in systems().items():
        system = equilibrate(campaign, campaign.sizes_A[0], force_field)
        speeds = [steps_per_s(system, force_field) for _ in range(REPEATS)]
        exact = [label(system, force_field, LABELS) for _ in range(REPEATS)]
        fast = [label(system, force_field, DYNAMICS) for _ in range(REPEATS)]
        missed = np.abs(exact[0][1] - fast[0][1]).max()
        rows.append(
            {
                "system": name,
                "n_atoms": len(system.atoms),
                "threads": 1,
                "steps/s": round(median(speeds)),
                "label (s)": round(median(spent for spent, _ in exact), 3),
                "as in dynamics (s)": round(median(spent for spent, _ in fast), 3),
                "force missed so (eV/Å)": float(f"{missed:.1g}"),
            }
        )
        print(rows[-1], flush=True)
    keep(rows, "interfaces")
