"""Kernels on every kind of machine: compilers, caches, vectors, threads, and what is missing."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from checkouts import SHARED, with_shared_data
from small_models import energy_and_forces, small_model, water_layer
from test_evaluator import compare, polar

from falsemetal import kernels
from falsemetal.potentials.bpnnp.committee import load_bpnnp
from falsemetal.potentials.calculator import ModelCalculator

ELSEWHERE = """
import torch
from small_models import small_model
from test_evaluator import compare, polar
from falsemetal import kernels
from falsemetal.potentials.calculator import ModelCalculator
for name in ("mace-2", "split-2"):
    for dtype in (torch.float32, torch.float64):
        model = polar(small_model(name, dtype))
        compare(model, ModelCalculator(model), slab=True)
assert kernels.find_compiler() is not None
print(kernels.instruction_set(), kernels.lanes(torch.float32))
"""


@pytest.fixture(autouse=True)
def as_in_a_new_process():
    """Leave nothing behind of tests that hide the compiler or the cache."""
    kernels.find_compiler()
    yield
    kernels.find_compiler.cache_clear()
    kernels._build.cache_clear()


def test_kernels_are_of_a_shape_and_serve_other_weights_and_systems(monkeypatch) -> None:
    model = polar(small_model("split-1"))
    compare(model, ModelCalculator(model), slab=True)

    def refuse(*_, **__):
        raise AssertionError("compiled again")

    monkeypatch.setattr(kernels.subprocess, "run", refuse)
    kernels._build.cache_clear()  # another process finds them on disk
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(1.05)
    compare(model, ModelCalculator(model), slab=True, n_molecules=20)
    compare(model, ModelCalculator(model), slab=False, n_molecules=16)


@pytest.mark.parametrize(
    ("found", "said"),
    [([], "no C++ compiler"), (["false"], "false fails"), (["false", "g++"], None)],
    ids=["none", "broken", "another"],
)
def test_without_a_compiler_that_works_the_plain_form_runs_and_says_so(
    monkeypatch, caplog, found, said
) -> None:
    monkeypatch.setenv("CXX", "false")
    monkeypatch.setattr(kernels.shutil, "which", lambda name: name if name in found else None)
    kernels.find_compiler.cache_clear()
    model = polar(small_model("split-1"))
    with caplog.at_level("INFO", logger="falsemetal"):
        compare(model, ModelCalculator(model), slab=True)
    messages = [r.message for r in caplog.records if "in PyTorch alone" in r.message]
    assert len(messages) == (said is not None)
    assert all(message.startswith(said) for message in messages)


def test_a_damaged_kernel_on_disk_is_made_anew(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(kernels, "_folder", lambda: tmp_path)
    model = polar(small_model("mace-1"))
    for _ in range(2):
        kernels._build.cache_clear()
        compare(model, ModelCalculator(model), slab=True)
        for library in tmp_path.glob("*.so"):
            library.unlink()  # not overwritten, as it is in use
            library.write_bytes(b"damaged")
    kernels._build.cache_clear()


def test_a_kernel_that_cannot_be_made_is_told(monkeypatch, caplog, tmp_path) -> None:
    monkeypatch.setattr(kernels, "_folder", lambda: tmp_path / "gone")
    kernels._build.cache_clear()
    model = polar(small_model("mace-1"))
    with caplog.at_level("INFO", logger="falsemetal"):
        compare(model, ModelCalculator(model), slab=True)
    assert (
        "convolution.cpp: no kernel, PyTorch does its work ([Errno 2] No such file" in caplog.text
    )


@pytest.mark.parametrize("name", ["mace-2", "split-2"])
def test_any_number_of_threads_gives_the_same(name) -> None:
    model = polar(small_model(name))
    threads = torch.get_num_threads()
    try:
        for n in (1, 2, 5):
            torch.set_num_threads(n)
            compare(model, ModelCalculator(model), slab=True)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("capability", "expected"),
    [("default", "DEFAULT 4"), ("avx2", "AVX2 8")],
)
def test_other_vectors_and_a_locale_without_unicode(capability, expected) -> None:
    environment = os.environ | {
        "ATEN_CPU_CAPABILITY": capability,
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ELSEWHERE],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout.splitlines()[-1:] == [expected], told.stderr


@pytest.mark.parametrize("missing", ["geometry", "layers.0.messages", "layers.1.product"])
def test_one_kernel_that_is_missing_is_done_without(missing) -> None:
    model = polar(small_model("split-2"))
    calculator = ModelCalculator(model)
    calculator.get_potential_energy(water_layer(12, slab=True))
    calculator._system._evaluator.get_submodule(missing).kernel = None
    compare(model, calculator, slab=True)


def test_an_atom_that_is_its_own_neighbour() -> None:
    model = polar(small_model("split-2"))
    atoms = water_layer(1, slab=True)
    atoms.cell[0, 0] = atoms.cell[1, 1] = 3.5
    energy, forces = energy_and_forces(model, atoms)
    atoms.calc = ModelCalculator(model)
    assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-9)
    np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-9)


def test_copies_of_all_threads_fit_into_memory(monkeypatch) -> None:
    monkeypatch.setattr(kernels, "MOST_COPIED", 500)
    model = polar(small_model("split-2"))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        compare(model, ModelCalculator(model), slab=True)
    finally:
        torch.set_num_threads(threads)


@with_shared_data
@pytest.mark.parametrize("compiled", [True, False])
def test_a_committee_of_few_atoms_and_of_one_element(compiled) -> None:
    committee = load_bpnnp(SHARED / "bpnnp-bulkH2O-jcp2020", dtype=torch.float64)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(5)
        for elements in ("OH", "O"):
            atoms = water_layer(1, slab=True)
            atoms = atoms[[atom.symbol in elements for atom in atoms]]
            energy, forces = energy_and_forces(committee, atoms)
            atoms.calc = ModelCalculator(committee, compiled=compiled)
            assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-8)
            np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-8)
    finally:
        torch.set_num_threads(threads)
