"""Structures displaced at random, in charge states: what is built, labelled and refused."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from charged_springs import CAPACITANCE_E_PER_V, LEVEL_EV

from falsemetal.config import ConfigError, parse_config
from falsemetal.config.checks import find_missing_files
from falsemetal.config.plan import Plan
from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.split import PARTS, split_frames
from falsemetal.learning.displaced import DisplaceSpec, Structure, displace
from falsemetal.learning.labellers import PotentialLabeller
from falsemetal.potentials.runners import AseRunner, ForeignRunner, Runner
from falsemetal.specs import Origin
from falsemetal.systems.labels import (
    BESIDE,
    CHARGES,
    ENERGY,
    GEOMETRY,
    TOTAL_CHARGE,
    total_charge,
)

SALT = {
    "builder": "ase.build:bulk",
    "kwargs": {"name": "NaCl", "crystalstructure": "rocksalt", "a": 4.0, "cubic": True},
}
VACANCY = SALT | {"remove": [1], "total_charges_e": [0.0, 1.0, 2.0], "n_geometries": 5}
RAW: dict[str, Any] = {
    "name": "charged",
    "datasets": {
        "salt": {
            "kind": "displaced",
            "structures": {"perfect": SALT | {"n_geometries": 4}, "vacancy": VACANCY},
            "label": {"kind": "potential", "potential": "springs", "charges": True},
            "checks": {"charged": "keep"},
        }
    },
    "training": {"epochs": 1},
    "potentials": {
        "springs": {"kind": "ase", "module": "ase.calculators.lj", "factory": "LennardJones"},
        "qeq": {"kind": "qeq", "dataset": "salt", "layers": 1, "l_max": 0, "channels": 4},
    },
}


def displaced(**structures: dict[str, Any]) -> list[Atoms]:
    made = {name: Structure(**settings) for name, settings in structures.items()}
    origin = Origin(name="test", sha256="", seed=1)
    return displace(DisplaceSpec(origin=origin, name="salt", structures=made, seed=1))


def runner(factory: str) -> AseRunner:
    return AseRunner(factory=f"charged_springs:{factory}", friction_per_fs=0.0, dtype="float64")


def label(frames: list[Atoms], by: Runner, *, charges: bool = True) -> list[Atoms]:
    labeller = PotentialLabeller(kind="potential", potential="springs", charges=charges)
    return labeller.label(frames, Path(), runner=by, model=Path(), threads=1)


def test_each_geometry_has_all_charges() -> None:
    frames = displaced(perfect=SALT | {"n_geometries": 2}, vacancy=VACANCY)
    assert [frame.info["number"] for frame in frames] == list(range(2 + 3 * 5))
    charged = frames[2:]
    assert [total_charge(frame) for frame in charged] == [0.0, 1.0, 2.0] * 5
    for first in range(0, len(charged), 3):
        group = charged[first : first + 3]
        assert {frame.info[GEOMETRY] for frame in group} == {first // 3}
        assert all(np.array_equal(f.positions, group[0].positions) for f in group)
    at_rest = Structure(**VACANCY).build().positions
    moved = np.array([frame.positions - at_rest for frame in charged[::3]])
    assert moved.std() == pytest.approx(0.05, rel=0.15)
    assert moved.std(axis=0).min() > 0.0


def test_displacements_of_a_structure_do_not_depend_on_the_others() -> None:
    alone = displaced(vacancy=VACANCY)
    beside = displaced(perfect=SALT | {"n_geometries": 2}, vacancy=VACANCY)[2:]
    for one, other in zip(alone, beside, strict=True):
        assert np.array_equal(one.positions, other.positions)


def test_neighbours_of_what_is_removed_are_told() -> None:
    whole = bulk("NaCl", "rocksalt", a=4.0, cubic=True)
    atoms = Structure(**VACANCY).build()
    assert len(atoms) == len(whole) - 1
    assert set(atoms.symbols[atoms.info[BESIDE]]) == {"Na"}
    kept = np.delete(np.arange(len(whole)), 1)
    found = whole.get_distances(1, kept[atoms.info[BESIDE]], mic=True)
    assert found == pytest.approx(2.0)


def test_a_file_is_as_good_as_a_builder(tmp_path) -> None:
    write(tmp_path / "salt.extxyz", Structure(**SALT, n_geometries=1).build())
    read = Structure(path=str(tmp_path / "salt.extxyz"), n_geometries=1).build()
    assert read.positions == pytest.approx(Structure(**SALT, n_geometries=1).build().positions)


def test_labels_are_those_of_the_total_charge() -> None:
    labelled = label(displaced(vacancy=VACANCY), runner("springs"))
    for neutral, *charged in (labelled[first : first + 3] for first in range(0, 15, 3)):
        for frame in charged:
            charge_e = frame.info[TOTAL_CHARGE]
            above = frame.info[ENERGY] - neutral.info[ENERGY]
            expected = -LEVEL_EV * charge_e + 0.5 * charge_e**2 / CAPACITANCE_E_PER_V
            assert above == pytest.approx(expected)
            assert frame.arrays[CHARGES].sum() == pytest.approx(charge_e)
            assert "initial_charges" not in frame.arrays
    assert (
        CHARGES not in label(displaced(vacancy=VACANCY), runner("springs"), charges=False)[0].arrays
    )


def test_a_calculator_that_ignores_total_charges_is_refused() -> None:
    with pytest.raises(
        DatasetError, match=r"springs gives geometry 0 of vacancy one energy .*0, 1, 2 e"
    ):
        label(displaced(vacancy=VACANCY), runner("deaf_springs"))


def test_a_calculator_without_charges_is_refused_where_they_are_asked_for() -> None:
    frames = displaced(perfect=SALT | {"n_geometries": 1})
    by = ForeignRunner(
        named="lj",
        factory="falsemetal.potentials.foreign.running:calculator_of_recipe",
        arguments={"factory": "ase.calculators.lj:LennardJones"},
        friction_per_fs=0.0,
        dtype="float64",
    )
    with pytest.raises(DatasetError, match=r"label\.charges: its calculator tells no charges"):
        label(frames, by)
    assert ENERGY in label(frames, by, charges=False)[0].info


def test_a_missing_package_is_one_line() -> None:
    by = ForeignRunner(
        named="nothing.ase:Nothing",
        factory="falsemetal.potentials.foreign.running:calculator_of_recipe",
        arguments={"factory": "nothing.ase:Nothing"},
        friction_per_fs=0.0,
        dtype="float64",
    )
    with pytest.raises(DatasetError, match=r"needs nothing: pip install nothing$"):
        label(displaced(perfect=SALT | {"n_geometries": 1}), by)


def test_charge_states_of_a_geometry_stay_in_one_part() -> None:
    structures = {name: VACANCY | {"n_geometries": 23} for name in ("a", "b")}
    split = parse_config(RAW, source="test").datasets["salt"].split
    parts = split_frames(displaced(**structures), split, seed=1)
    owners = {
        part: {(f.info["config_type"], f.info[GEOMETRY]) for f in parts[part]} for part in PARTS
    }
    assert sum(map(len, owners.values())) == 46, "no geometry is in two parts"
    assert all(len(parts[part]) == 3 * len(owners[part]) for part in PARTS)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"remove": [8]},
            r"datasets\.salt\.structures\.bad\.remove: 8, but there are atoms 0 to 7",
        ),
        ({"builder": "ase.build:nothing"}, r"bad\.builder: ase\.build:nothing fails: AttributeErr"),
        ({"builder": "nowhere:bulk"}, r"bad\.builder: nowhere:bulk fails: ModuleNotFoundError"),
        ({"kwargs": {"name": "Xx"}}, r"bad\.builder: ase\.build:bulk fails"),
        ({"builder": "ase.data:dict", "kwargs": {}}, r"bad\.builder: .*"),
        ({"builder": None, "kwargs": {}, "path": "none.xyz"}, r"bad\.path: none\.xyz cannot be"),
    ],
)
def test_a_structure_that_cannot_be_had_is_told_by_its_key(change, told) -> None:
    with pytest.raises(DatasetError, match=told):
        displaced(bad=SALT | {"n_geometries": 1} | change)


def changed(path: str, value: Any) -> dict[str, Any]:
    raw = copy.deepcopy(RAW)
    section = raw
    *parents, key = path.split("/")
    for parent in parents:
        section = section[parent]
    section[key] = value
    return raw


STRUCTURE, LABEL = "datasets/salt/structures/perfect", "datasets/salt/label"


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (f"{STRUCTURE}/path", "x.xyz", "give path or builder, one of them"),
        (f"{STRUCTURE}/total_charges_e", [1.0, 1.0], "a charge is given twice"),
        (f"{STRUCTURE}/total_charges_e", [], "at least 1 item"),
        (f"{STRUCTURE}/amplitude_A", 0.0, "greater than 0"),
        ("datasets/salt/checks", {}, r"vacancy\.total_charges_e: checks reject charged frames"),
        (f"{LABEL}/potential", "none", r"salt\.label\.potential: there is no potential 'none'"),
        (f"{LABEL}/potential", "qeq", r"label\.potential: qeq is trained"),
        (LABEL, {"kind": "potential"}, r"label\.potential: name one of the configuration"),
        ("potentials/springs/python", "python3", r"label\.potential: springs works in another in"),
        ("potentials/qeq/kind", "mace", r"salt keeps charged frames"),
        (
            LABEL,
            {"kind": "engine", "engine": {"kind": "cp2k"}},
            r"label\.engine: engines label neutral frames alone, and vacancy is charged",
        ),
    ],
)
def test_what_does_not_fit_is_told_by_its_key(path, value, told) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_config(changed(path, value), source="test")


def test_the_plan_labels_and_shows_charge_states() -> None:
    plan = Plan(parse_config(RAW, source="test"), {})
    assert plan.labelled_frames("salt") == ["<results>/datasets/salt/labels/0.extxyz"]
    assert plan.label("salt", "0").runner.named == "ase.calculators.lj:LennardJones"
    assert plan.inputs("charge_states") == ["<results>/models/qeq/charge_states.csv"]
    alone = changed("datasets/salt/structures/vacancy/total_charges_e", [1.0])
    assert Plan(parse_config(alone, source="test"), {}).inputs("charge_states") == []


def test_a_missing_file_is_told_before_anything_runs(tmp_path) -> None:
    raw = changed(STRUCTURE, {"path": "none.xyz", "n_geometries": 1})
    fault = find_missing_files(parse_config(raw, source="test"), "my.yaml", tmp_path)
    assert fault == (
        "my.yaml: datasets.salt.structures.perfect.path: none.xyz: no such file; correct it"
    )
