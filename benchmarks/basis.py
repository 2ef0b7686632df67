"""Gap of liquid water by PBE in several of CP2K's basis sets, and by other functionals in the best.

    python benchmarks/basis.py

One equilibrated box of water, the same for all, through the workflow's own jobs. Bases named SR
lack the diffuse functions that the conduction band of water needs.
"""

import tempfile
import time

from common import ORIGIN, THREADS, equilibrate_cube, keep

from falsemetal.electronic.cp2k import Cp2kEngine
from falsemetal.electronic.density_of_states import DensityOfStates
from falsemetal.electronic.engine import SinglePoint
from falsemetal.electronic.job import read_job, run_job, write_job
from falsemetal.electronic.settings import BandSearch
from falsemetal.electronic.specs import ReadJobSpec, WriteJobSpec
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.systems.molecule import Molecule
from falsemetal.systems.system import REGION

MOLECULES = 32
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
    charge_e = WaterForceField().charge_O_e
    system = equilibrate_cube(MOLECULES, equilibration_ps=20.0)
    water = system.atoms
    water.set_array(REGION, system.region)
    water.info = {"trajectory": "SPC/E", "step": 0, "delta_V_V": 0.0, "charge_e": charge_e}
    shared = {"origin": ORIGIN, "density_of_states": DensityOfStates(), "liquid": Molecule()}
    for basis, file, functional in CASES:
        shared["engine"] = Cp2kEngine(kind="cp2k", basis=basis, basis_file=file)
        point = SinglePoint(functional=functional)
        job = WriteJobSpec(**shared, point=point, vacuum_A=0.0)
        spec = ReadJobSpec(**shared, band_search=BandSearch(), electronic_charge_e=charge_e)
        with tempfile.TemporaryDirectory() as folder:
            write_job(folder, water, job)
            began = time.perf_counter()
            run_job(folder, spec, n_cores=THREADS)
            seconds = time.perf_counter() - began
            outcome = read_job(folder, spec)
        gap_eV = outcome.electrons.gap_eV if outcome.electrons else float("nan")
        row = {
            "case": f"{functional} {basis.replace('-q{valence}', '')}",
            "molecules": len(water) // 3,
            "status": outcome.status,
            "gap (eV)": round(gap_eV, 2),
            "time (s)": round(seconds),
        }
        keep([row], "basis", part="case")
