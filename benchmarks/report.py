"""Write `docs/performance.md` from the tables in `benchmarks/results`.

python benchmarks/report.py
"""

from pathlib import Path

import pandas as pd
from common import RESULTS

from falsemetal.products.saving import to_markdown

PAGE = Path(__file__).parents[1] / "docs/performance.md"
HEAD = """# Performance

Every table is written by the script of its name in `benchmarks/`, which says what is measured and
how; `python benchmarks/report.py` puts them together. The contenders of a table take turns in one
run, each in a process of its own; numbers are medians.
"""
QUESTIONS = {
    "md_engine": (
        "Steps per second of molecular dynamics",
        "Langevin dynamics by ASE of water slabs, the same weights: this engine (`kernels`), "
        "its plain form (`PyTorch`, without a C++ compiler), `MACECalculator`, and symmetrix-xl "
        "where it takes the model. `small` has one layer of 24 channels, `two` two with l = 1 "
        "features, `wide` two of 32 scalar channels with harmonics to l = 3, `paper` 128 "
        "channels, two layers, l = 1 and 6 Å. First steps are with no kernel on disk, and "
        "(warm) with all.",
    ),
    "long_range": (
        "What long-ranged electrostatics cost",
        "Energy and forces of bulk water by the split-charge model (LR) and by plain MACE (SR) of "
        "the same size; `paper` is LR-MACE-a of Table S5. The aim is 1.2 times. In `small`, where "
        "SR takes two milliseconds for 384 atoms, the Coulomb term and the transfer of charge take "
        "half a millisecond each, mostly in operations of some microseconds.",
    ),
    "charges": (
        "Charges that answer",
        "Energy and forces by charges that equilibrate and that answer locally, beside split "
        "charges of the same model, σ = 1.5 Å; copper is a conductor of `response_charge`. The aim "
        "is to add at most 25 ms and 300 ms (`qeq`), 10 and 120 ms (`response_charge`), 20 and 250 "
        "ms (with a conductor) at 384 and 2520 atoms, and half an epoch.",
    ),
    "electrostatics": (
        "Mesh, sum over k, `graph_longrange`",
        "Energy and forces of charges and dipoles with σ = 1.5 Å in float64; the error is the "
        "largest deviation of a force component from the sum over k.",
    ),
    "training": (
        "Training",
        "The one-layer model on boxes of 64 molecules in batches of 5, against `mace_run_train`.",
    ),
    "bpnnp": (
        "The paper's committee of neural networks",
        "A step of molecular dynamics of liquid water by the eight networks of "
        "`bulkH2O-jcp2020-cnnp`: this engine in float32 and CP2K's NNP on the same files, "
        "with as many threads as CP2K has ranks. The aim is five times CP2K at 315 atoms.",
    ),
    "interfaces": (
        "Classical references of interfaces",
        "Langevin dynamics by LAMMPS, recorded every 20 steps, and a label in an instance of its "
        "own, on one core. The aim for 64 Cu and 72 H₂O is 200 steps/s and 0.1 s a label.",
    ),
    "observables": (
        "Observables",
        "All observables of a slab, read from its trajectory, one process.",
    ),
    "workflow": (
        "The workflow itself",
        "Building the DAG of `config/paper.yaml`, a run with nothing to do, and one with one job.",
    ),
}


def section(question: str, title: str, text: str) -> str:
    """One question: its table, and the machine that answered."""
    table = pd.read_csv(RESULTS / f"{question}.csv")
    machine = table.pop("machine").iloc[0]
    return f"## {title}\n\n{text}\n\n{to_markdown(table)}\n`{question}.py` on {machine}\n"


if __name__ == "__main__":
    answered = {
        question: words
        for question, words in QUESTIONS.items()
        if (RESULTS / f"{question}.csv").exists()
    }
    sections = [section(question, *words) for question, words in answered.items()]
    PAGE.write_text("\n".join([HEAD, *sections]))
