"""Gap of liquid water by PBE in several of CP2K's basis sets, and by other functionals in the best.

    python benchmarks/basis.py

One equilibrated box of water, the same for all, through the workflow's own jobs. Bases named SR
lack the diffuse functions that the conduction band of water needs.
"""

import tempfile
import time
from pathlib import Path

from common import THREADS, keep

from falsemetal.config import Cp2kSettings, Electronic, FrameSet, WaterForceField
from falsemetal.config.campaigns import Cubic
from falsemetal.datasets.sampling import equilibrate
from falsemetal.electronic.job import read_job, run_job, write_job
from falsemetal.systems.water import cubic_cell

MOLECULES = 32
DENSITY_G_PER_CM3 = 0.997
DIFFUSE = ("DZVP-MOLOPT-PBE-GTH-q{valence}", "BASIS_MOLOPT_UZH")
CASES = (
    ("SZV-MOLOPT-SR-GTH", "BASIS_MOLOPT", "PBE"),
    ("DZVP-MOLOPT-SR-GTH", "BASIS_MOLOPT", "PBE"),
    (*DIFFUSE, "PBE"),
    ("TZV2P-MOLOPT-PBE-GTH-q{valence}", "BASIS_MOLOPT_UZH", "PBE"),
    (*DIFFUSE, "RPBE"),
    (*DIFFUSE, "revPBE0"),
)
"""Basis, its file, functional."""


if __name__ == "__main__":
    length_A = round(cubic_cell(MOLECULES, DENSITY_G_PER_CM3)[0], 2)
    box = Cubic(lengths_A=[length_A], equilibration_ps=20.0)
    water = equilibrate(length_A, box, WaterForceField(), temperature_K=300.0, seed=1)
    water.info = {
        "trajectory": "equilibrated by SPC/E",
        "step": 0,
        "delta_V_V": 0.0,
        "charge_O_e": WaterForceField().charge_O_e,
    }
    for basis, file, functional in CASES:
        electronic = Electronic(
            frames={"box": FrameSet(potential="spce", size_A=length_A, quantiles=[0.5])},
            cp2k=Cp2kSettings(basis=basis, basis_file=file),
        )
        with tempfile.TemporaryDirectory() as folder:
            write_job(folder, water, electronic, functional=functional, field_V_per_A=None)
            began = time.perf_counter()
            run_job(Path(folder), electronic, n_cores=THREADS)
            seconds = time.perf_counter() - began
            outcome = read_job(folder, electronic)
        gap_eV = outcome.electrons.gap_eV if outcome.electrons else float("nan")
        row = {
            "case": f"{functional} {basis.replace('-q{valence}', '')}",
            "molecules": len(water) // 3,
            "status": outcome.status,
            "gap (eV)": round(gap_eV, 2),
            "time (s)": round(seconds),
        }
        keep([row], "basis", part="case")
