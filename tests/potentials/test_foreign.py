"""Calculators of other packages and of other interpreters."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.lj import LennardJones
from checkouts import make_environment

from falsemetal.config import ConfigError, parse_config
from falsemetal.potentials.foreign.architectures import ALIASES, ARCHITECTURES, recipe_of
from falsemetal.potentials.foreign.naming import find_named, make_named
from falsemetal.potentials.foreign.remote import RemoteCalculator, WorkerError
from falsemetal.potentials.foreign.worker import RecipeError, make_calculator
from falsemetal.potentials.kinds import AseKind, FoundationKind
from falsemetal.simulation.settings import Dynamics

LJ = {"factory": "ase.calculators.lj:LennardJones", "kwargs": {"sigma": 1.5, "rc": 4.0}}


@pytest.fixture(scope="module")
def other_python(tmp_path_factory) -> Path:
    return make_environment(tmp_path_factory.mktemp("other"))


@pytest.fixture
def water() -> Atoms:
    return molecule("H2O", cell=[6.0, 6.0, 6.0], pbc=True)


def test_other_interpreters_know_no_falsemetal(other_python: Path) -> None:
    known = subprocess.run(
        [other_python, "-c", "import ase, falsemetal"], check=False, capture_output=True
    )
    assert b"No module named 'falsemetal'" in known.stderr


def test_another_interpreter_gives_the_same(other_python: Path, water: Atoms) -> None:
    remote = RemoteCalculator(LJ, other_python)
    here = LennardJones(**LJ["kwargs"])
    for n in (1, 2):  # another composition, the same worker
        one, other = water.repeat((n, 1, 1)), water.repeat((n, 1, 1))
        one.calc, other.calc = remote, here
        assert one.get_potential_energy() == other.get_potential_energy()
        np.testing.assert_array_equal(one.get_forces(), other.get_forces())
    remote.close()


def test_a_killed_worker_is_started_again(other_python: Path, water: Atoms) -> None:
    water.calc = remote = RemoteCalculator(LJ, other_python)
    before = water.get_potential_energy()
    assert remote.process_id is not None
    os.kill(remote.process_id, signal.SIGKILL)
    water.positions += [1.0, 0.0, 0.0]
    assert water.get_potential_energy() == pytest.approx(before)


DYING = """\
import os, sys
from ase.calculators.lj import LennardJones
class calculator(LennardJones):
    def calculate(self, *arguments, **keywords):
        print("printed to stdout")
        sys.stderr.write("no memory is left\\n")
        sys.stderr.flush()
        os._exit(1)
"""


def test_a_worker_that_dies_for_good_is_reported(
    other_python: Path, water: Atoms, tmp_path
) -> None:
    (tmp_path / "dying.py").write_text(DYING)
    recipe = {"file": str(tmp_path / "dying.py"), "factory": "calculator", "kwargs": {}}
    water.calc = RemoteCalculator(recipe, other_python)
    with pytest.raises(WorkerError, match=r"ended 2 times; it printed: .*no memory is left"):
        water.get_potential_energy()


def test_what_fails_in_a_worker_is_told(other_python: Path, water: Atoms) -> None:
    with pytest.raises(RecipeError, match=r"absent cannot be imported.*pip install absent-package"):
        RemoteCalculator({"factory": "absent:thing", "install": "absent-package"}, other_python)
    with pytest.raises(RecipeError, match=r"falsemetal.*cannot be imported"):
        RemoteCalculator(recipe_of("spce", None), other_python)
    water.calc = RemoteCalculator({"factory": "ase.calculators.emt:EMT"}, other_python)
    with pytest.raises(WorkerError, match="NotImplementedError: No EMT-potential for"):
        water.cell, water.numbers[:] = [6.0] * 3, 92
        water.get_potential_energy()
    with pytest.raises(RecipeError, match="cannot be run"):
        RemoteCalculator(LJ, "/absent/python")


@pytest.mark.parametrize("name", [*ARCHITECTURES, *ALIASES])
def test_recipes_of_all_architectures(name: str) -> None:
    """Whatever the package, a model and a head that are named stand in what makes it."""
    architecture = ARCHITECTURES[ALIASES.get(name, name)]
    head = "a-head" if architecture.head else None
    device = "cpu" if architecture.device or architecture.loader_device else None
    recipe = recipe_of(name, "a-model", head=head, device=device)
    assert "a-model" in str(recipe) or "a_model" in str(recipe)
    assert ":" in recipe["factory"]
    assert recipe["install"]
    if head:
        assert recipe["kwargs"][architecture.head] == "a-head"
    if device:
        made_with = recipe["kwargs"] | recipe.get("loader_kwargs", {})
        assert made_with[architecture.device or architecture.loader_device] == "cpu"
    if architecture.dtype:
        assert recipe["kwargs"][architecture.dtype] == "float64"
    if architecture.default is None:
        with pytest.raises(ValueError, match="has no default model"):
            recipe_of(name, None)


def test_files_of_models_are_found_from_anywhere(tmp_path, monkeypatch) -> None:
    (tmp_path / "mine.model").write_text("")
    monkeypatch.chdir(tmp_path)
    named = find_named("mace:mine.model", head="omat", kwargs={"enable_cueq": False})
    assert named.recipe["kwargs"] == {
        "model_paths": str(tmp_path / "mine.model"),
        "default_dtype": "float64",
        "head": "omat",
        "enable_cueq": False,
    }
    assert named.files == (Path("mine.model"),)


class Headed(LennardJones):
    """A calculator of several heads."""

    available_heads = ("omat", "spice")


def test_a_file_that_is_moved_is_the_same_potential(tmp_path, monkeypatch) -> None:
    """Its name and contents count, not the folder."""
    identities = []
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        Path("mine.py").write_text("calculator = None\n")
        kind = AseKind(kind="ase", module="mine.py", kwargs={"charges": {"O": -0.8}})
        identities.append(kind.runner({}, Dynamics()).identity())
    assert identities[0] == identities[1]
    assert identities[0]["arguments"]["file"] == "mine.py"
    Path("mine.py").write_text("calculator = 1\n")
    assert kind.runner({}, Dynamics()).identity() != identities[1]


def test_one_of_several_heads_must_be_named() -> None:
    recipe = {"factory": f"{__name__}:Headed", "heads": "available_heads"}
    with pytest.raises(RecipeError, match="several heads; name one by --head: omat, spice"):
        make_calculator(recipe)
    with pytest.raises(RecipeError, match="no head 'mp'; it has: omat, spice"):
        make_calculator(recipe | {"head": "mp"})
    assert make_calculator(recipe | {"head": "spice"})


def test_loaders_hand_over_what_they_load(tmp_path, monkeypatch) -> None:
    (tmp_path / "pretrained_pairs.py").write_text(
        "def small(): return 2.0, 5.0\ndef sigma(name): return float(name)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    recipe = {
        "factory": LJ["factory"],
        "loader": "pretrained_pairs:small",
        "loads": ["sigma", "rc"],
    }
    made = make_calculator(recipe)
    assert (made.parameters.sigma, made.parameters.rc) == (2.0, 5.0)
    one = {"loader": "pretrained_pairs:sigma", "loader_kwargs": {"name": "3"}, "loads": ["sigma"]}
    assert make_calculator(recipe | one).parameters.sigma == 3.0
    with pytest.raises(RecipeError, match="pretrained_pairs has no 'large'"):
        make_calculator(recipe | {"loader": "pretrained_pairs:large"})


def test_a_named_calculator_is_made_here() -> None:
    named = find_named("ase.calculators.lj:LennardJones", kwargs={"sigma": 1.5})
    assert isinstance(make_named(named), LennardJones)
    with pytest.raises(RecipeError, match="LennardJones: the calculator cannot be made: TypeError"):
        make_named(find_named("ase.calculators.lj:LennardJones", kwargs={"sigma": "wide"}))


def test_a_model_file_counts_by_what_it_holds(tmp_path) -> None:
    """In a configuration: the same name with other weights is another potential."""
    path = tmp_path / "mine.model"
    identities = []
    for content in ("one", "other"):
        path.write_text(content)
        kind = FoundationKind(kind="foundation", arch="mace", model=str(path))
        identities.append(kind.runner({}, Dynamics()).identity())
    assert identities[0] != identities[1]
    elsewhere = kind.model_copy(update={"python": sys.executable})
    assert elsewhere.runner({}, Dynamics()).identity() == identities[1]
    dispersed = kind.model_copy(update={"d3": "pbe"})
    assert dispersed.runner({}, Dynamics()).identity() != identities[1]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"arch": "chgnett"}, "there is no architecture 'chgnett'; name one of: mace, "),
        ({"arch": "mace"}, "no default model"),
        ({"arch": "mace", "model": "./absent.model"}, "there is no file absent.model"),
        ({"arch": "chgnet", "head": "x"}, "chgnet takes no head"),
    ],
)
def test_faulty_settings_are_found_before_anything_runs(
    settings: dict[str, str], told: str
) -> None:
    config = {
        "name": "foreign",
        "potentials": {"theirs": {"kind": "foundation", "runs": {}} | settings},
    }
    with pytest.raises(ConfigError, match=re.escape(told)):
        parse_config(config, source="foreign.yaml")


def test_what_is_not_installed_is_told_with_its_package() -> None:
    grace = FoundationKind(kind="foundation", arch="grace").runner({}, Dynamics())
    assert grace.find_fault() == "grace needs tensorpotential: pip install tensorpotential"
    absent = FoundationKind(kind="foundation", arch="grace", python="/absent/python")
    assert "no program /absent/python" in str(absent.runner({}, Dynamics()).find_fault())
    here = AseKind(kind="ase", module="ase.calculators.lj", factory="LennardJones")
    assert here.runner({}, Dynamics()).find_fault() is None
