"""What of interfaces cannot be run, told in one line before anything runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from falsemetal.config import Config, ConfigError, parse_config
from falsemetal.config.plan import Plan

COPPER = {"kind": "metal", "element": "Cu", "lattice_constant_A": 3.615, "repeats": [4, 4]}
RUTILE = {"kind": "rutile110", "repeats": [3, 1], "layers": 3}
SAMPLED = {"kind": "interface", "n_molecules": 40, "n_frames": 10}
RUN = {"copper": {"duration_ps": 20.0}, "rutile": {"duration_ps": 20.0}}
EAM = {"epsilon_kcal_per_mol": 4.72, "sigma_A": 2.3306, "eam": "Cu_mishin1.eam.alloy"}
NO_PAIRS = {
    "pairs": dict.fromkeys(["Ti-Ti", "O-Ti", "O-O"]),
    "with_water": dict.fromkeys(["Ti", "O"]),
}
SILVER = {"epsilon_kcal_per_mol": 4.56, "sigma_A": 2.6326}
MODEL = {"dataset": "spce", "r_cut_A": 4.5, "layers": 1, "l_max": 0, "channels": 4}
NULL = object()
RAW = {
    "name": "interfaces",
    "datasets": {
        "spce": {
            "kind": "force_field",
            "sampling": {
                "copper": SAMPLED | {"surface": COPPER | {"layers": 3}},
                "rutile": SAMPLED | {"surface": RUTILE},
            },
        },
        "water": {
            "kind": "force_field",
            "sampling": {"bulk": {"kind": "bulk", "n_molecules": 24, "n_frames": 10}},
        },
    },
    "training": {"epochs": 1},
    "potentials": {
        "spce": {"kind": "force_field", "dataset": "spce", "runs": RUN},
        "sr-mace": MODEL | {"kind": "mace", "runs": RUN},
        "lr-mace": MODEL
        | {
            "kind": "split_charge",
            "runs": RUN,
            "formal_charges_e": {"H": 1, "O": -2, "Cu": 0, "Ti": 4},
        },
    },
    "campaigns": {
        "copper": {
            "kind": "metal_water",
            "surface": COPPER | {"layers": 4},
            "sizes_A": [12.0, 24.0],
        },
        "rutile": {"kind": "oxide_water", "surface": RUTILE, "sizes_A": [12.0]},
    },
}


def with_values(changes: dict[str, Any]) -> dict[str, Any]:
    """Change keys, given by their dotted names; None removes one, NULL is YAML's null."""
    raw: dict[str, Any] = json.loads(json.dumps(RAW))
    for key, value in changes.items():
        *parents, last = key.split(".")
        section: Any = raw
        for parent in parents:
            section = section.setdefault(parent, {})
        if value is None:
            del section[last]
        else:
            section[last] = None if value is NULL else value
    return raw


def parse(**changes: Any) -> Config:
    return parse_config(with_values(changes), source="my.yaml")


SURFACE = "campaigns.copper.surface"
MOVING = {f"{SURFACE}.fixed_layers": 2}
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "an element without parameters": (
        {f"{SURFACE}.element": "Ag", "datasets.spce.sampling.copper.surface.element": "Ag"},
        "datasets.spce: force_field.metals: no parameters of Ag (there are those of: Cu); give "
        "them (for sampling.copper)",
    ),
    "an element without parameters in a run": (
        {f"{SURFACE}.element": "Ag"},
        "potentials.spce.dataset: spce.force_field.metals: no parameters of Ag (there are those "
        "of: Cu); give them (run in copper)",
    ),
    "an element that cannot be equilibrated": (
        {
            f"{SURFACE}.element": "Ag",
            "datasets.spce.force_field": {"metals": {"Ag": SILVER}},
            "potentials.sr-mace.runs": {},
            "potentials.lr-mace.runs": {},
        },
        "start_force_field.metals: no parameters of Ag (there are those of: Cu); give them (for "
        "campaigns.copper)",
    ),
    "a cation without parameters": (
        {"datasets.spce.sampling.rutile.surface.cation": "Sn"},
        "datasets.spce: force_field.oxides: no charges and parameters of Sn (there are those of: "
        "Ti) (for sampling.rutile)",
    ),
    "an oxide with a net charge": (
        {
            "datasets.spce.force_field": {
                "oxides": {"Ti": NO_PAIRS | {"charges_e": {"Ti": 2.4, "O": -1.1}}}
            }
        },
        "datasets.spce: force_field.oxides.Ti.charges_e: a net charge of +0.2 e for 2 O of each "
        "Ti; give charges that add up to zero (for sampling.rutile)",
    ),
    "an oxide without all of its pairs": (
        {
            "datasets.spce.force_field": {
                "oxides": {
                    "Ti": {"charges_e": {"Ti": 2.2, "O": -1.1}, "pairs": {}, "with_water": {}}
                }
            }
        },
        "datasets.spce.force_field.oxides.Ti: pairs: lacks O-O, O-Ti, Ti-Ti; give it, or null",
    ),
    "layers that move without a potential": (
        MOVING,
        "potentials.spce.dataset: spce.force_field.metals.Cu.eam: required, as layers of Cu move; "
        "name an eam/alloy file, or fix all layers (run in copper)",
    ),
    "layers that move without a potential at the start": (
        MOVING | {"datasets.spce.force_field": {"metals": {"Cu": EAM}}},
        "start_force_field.metals.Cu.eam: required, as layers of Cu move; name an eam/alloy file, "
        "or fix all layers (for campaigns.copper)",
    ),
    "a file that is not there": (
        {"datasets.spce.force_field": {"metals": {"Cu": EAM | {"eam": "lost.eam.alloy"}}}},
        "datasets.spce: force_field.metals.Cu.eam: there is no file 'lost.eam.alloy', here or "
        "among LAMMPS' own (for sampling.copper)",
    ),
    "a file of another element": (
        {"datasets.spce.force_field": {"metals": {"Cu": EAM | {"eam": "NiAlH_jea.eam.alloy"}}}},
        "datasets.spce: force_field.metals.Cu.eam: NiAlH_jea.eam.alloy holds Ni, Al, H; name an "
        "eam/alloy file of Cu (for sampling.copper)",
    ),
    "a file of another form": (
        {"datasets.spce.force_field": {"metals": {"Cu": EAM | {"eam": "Cu_u3.eam"}}}},
        "datasets.spce: force_field.metals.Cu.eam: Cu_u3.eam holds nothing that eam/alloy can "
        "read; name an eam/alloy file of Cu (for sampling.copper)",
    ),
    "a matrix of a metal that moves": (
        MOVING | {"datasets.spce.force_field": {"metals": {"Cu": EAM | {"solver": "matrix"}}}},
        "potentials.spce.dataset: spce.force_field.metals.Cu.solver: a matrix holds while all of "
        "the metal is at rest, and layers move; take cg or auto, or fix all layers (run in copper)",
    ),
    "an element without a formal charge": (
        {
            "potentials.lr-mace.formal_charges_e": {"H": 1, "O": -2, "Ti": 4},
            "potentials.lr-mace.dataset": "water",
        },
        "potentials.lr-mace.formal_charges_e: gives none of Cu, which this campaign holds "
        "(H: 1, O: -2, Ti: 4); add it (run in copper)",
    ),
    "an element of the dataset without a formal charge": (
        {"potentials.lr-mace.formal_charges_e": {"H": 1, "O": -2}, "potentials.lr-mace.runs": {}},
        "potentials.lr-mace.formal_charges_e: gives none of Cu, Ti, which the runs of spce sample "
        "(H: 1, O: -2); add it",
    ),
    "a conductor without atoms": (
        {
            "potentials.lr-mace.kind": "response_charge",
            "potentials.lr-mace.conductors": ["Cu"],
            "potentials.lr-mace.dataset": "water",
            "potentials.lr-mace.runs": {},
        },
        "potentials.lr-mace.conductors: no run of water samples Cu; name elements of its metal, "
        "or none",
    ),
    "a conductor without a formal charge": (
        {
            "potentials.lr-mace.kind": "response_charge",
            "potentials.lr-mace.conductors": ["Au"],
        },
        "potentials.lr-mace: formal_charges_e lacks Au of conductors; add it, 0 for a metal",
    ),
    "edges beyond the cutoff": (
        {
            "potentials.lr-mace.kind": "response_charge",
            "potentials.lr-mace.response_cutoff_A": 7.0,
        },
        "potentials.lr-mace: response_cutoff_A: 7 Å is beyond r_cut_A, 4.5 Å, up to which edges "
        "are known; make it shorter",
    ),
    "a model that knows no copper": (
        {"potentials.sr-mace.dataset": "water"},
        "potentials.sr-mace.dataset: no run of water samples Cu, which this campaign holds; add "
        "one to its sampling, or name another dataset (run in copper)",
    ),
    "a layer without a middle": (
        {"campaigns.copper.sizes_A": [3.0]},
        "campaigns.copper: sizes_A[0]: a layer of 3 Å on this face holds no two molecules above "
        "each other; give 5 Å or more",
    ),
    "too few molecules": (
        {"datasets.spce.sampling.copper.n_molecules": 8},
        "datasets.spce.sampling.copper: n_molecules: 8 fill a layer of 2.7 Å on this face, which "
        "has no two above each other; take more, or a smaller face",
    ),
    "too few molecules beside a force field": (
        {
            "datasets.spce.sampling.copper.n_molecules": 8,
            "datasets.spce.force_field": {"metals": {"Cu": EAM}},
        },
        "datasets.spce.sampling.copper: n_molecules: 8 fill a layer of 2.7 Å on this face, which "
        "has no two above each other; take more, or a smaller face",
    ),
    "labels in a field without vacuum": (
        {
            "datasets.spce.sampling.copper.label_fields_V_per_A": [0.02],
            "datasets.spce.sampling.copper.vacuum_A": NULL,
        },
        "datasets.spce.sampling.copper: label_fields_V_per_A: a field along z needs vacuum; give "
        "vacuum_A",
    ),
    "labels of bulk water in a field": (
        {"datasets.water.sampling.bulk.label_fields_V_per_A": [0.02]},
        "datasets.water.sampling.bulk: label_fields_V_per_A: a field along z needs vacuum; take "
        "kind: slab",
    ),
    "labels in a field that the checks reject": (
        {"datasets.spce.sampling.copper.label_fields_V_per_A": [0.0, 0.02]},
        "datasets.spce: sampling.copper.label_fields_V_per_A: checks reject frames in a field; "
        "set checks.fields: keep",
    ),
    "frames in a field that a model takes for others": (
        {
            "datasets.spce.sampling.copper.label_fields_V_per_A": [0.0, 0.02],
            "datasets.spce.checks": {"fields": "keep"},
        },
        "potentials.sr-mace.dataset: spce keeps frames in a field (datasets.spce.checks.fields: "
        "keep), which kind mace does not know from others; reject them, or take a kind that knows "
        "total charges",
    ),
    "an odd cell": (
        {f"{SURFACE}.repeats": [4, 3]},
        f"{SURFACE}: repeats: 3 along y; fcc111 has right angles with an even number alone",
    ),
    "an odd cell of a dataset": (
        {"datasets.spce.sampling.copper.surface.repeats": [4, 3]},
        "datasets.spce.sampling.copper.surface: repeats: 3 along y; fcc111 has right angles with "
        "an even number alone",
    ),
    "water in the metal": (
        {"campaigns.copper.contact_A": 0.5},
        "campaigns.copper.contact_A: Input should be greater than or equal to 1.5",
    ),
    "a slab that drifts": (
        {f"{SURFACE}.fixed_layers": 0},
        f"{SURFACE}: fixed_layers: 0 of 4 layers; fix one at least, which keeps the slab from "
        "drifting, and all at most",
    ),
    "a height of a cubic metal": (
        {f"{SURFACE}.c_A": 5.0},
        f"{SURFACE}: c_A belongs to a face of a hexagonal metal, and only to it",
    ),
    "a window without zero": (
        {"campaigns.copper.window_V": [1.0, 2.0]},
        "campaigns.copper: window_V: give a negative and a positive voltage, in this order",
    ),
    "another solid than the campaign's": (
        {"campaigns.rutile.kind": "metal_water"},
        "campaigns.rutile: surface.kind: rutile110 is no metal; take another kind of surface, or "
        "of campaign",
    ),
    "a field in a cell without vacuum": (
        {
            "campaigns.copper.kind": "metal_water_metal",
            "electronic": {
                "frames": {
                    "some": {
                        "potential": "spce",
                        "campaign": "copper",
                        "size_A": 12.0,
                        "targets_V": [0.0],
                        "field_V_per_A": 0.1,
                    }
                }
            },
        },
        "electronic.frames.some.field_V_per_A: a field needs vacuum; choose a campaign of films",
    ),
}


@pytest.mark.parametrize(("changes", "message"), FAULTS.values(), ids=FAULTS)
def test_each_fault_is_one_line(changes, message) -> None:
    with pytest.raises(ConfigError) as told:
        parse(**changes)
    assert str(told.value).splitlines() == [f"my.yaml: {message}"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        MOVING
        | {
            "datasets.spce.force_field": {"metals": {"Cu": EAM}},
            "start_force_field": {"metals": {"Cu": EAM}},
        },
        # a matrix of a metal at rest, a file by its path
        {"datasets.spce.force_field": {"metals": {"Cu": EAM | {"solver": "matrix"}}}},
        # of what is read, elements are not known before
        {
            "datasets.water": {"kind": "labelled", "path": "a.xyz", "format": "extxyz"},
            "potentials.sr-mace.dataset": "water",
        },
    ],
    ids=["as it is", "moving", "matrix", "labelled"],
)
def test_what_fits_is_taken(changes) -> None:
    assert parse(**changes).name == "interfaces"


def test_an_embedded_atom_file_may_be_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "own.eam.alloy"
    own.write_text("one\ntwo\nthree\n2 Ag Cu\n")
    parse(**{"datasets.spce.force_field": {"metals": {"Cu": EAM | {"eam": str(own)}}}})
    own.write_text("too short\n")
    with pytest.raises(ConfigError, match="holds nothing that eam/alloy can read"):
        parse(**{"datasets.spce.force_field": {"metals": {"Cu": EAM | {"eam": str(own)}}}})


def test_a_job_depends_on_the_parameters_of_its_own_solid_alone() -> None:
    changed = {"datasets.spce.force_field": {"metals": {"Cu": EAM}}}
    before, after = (Plan(parse(**c), {}) for c in ({}, changed))
    for plan in (before, after):
        assert plan.sample("spce", "rutile").force_field.metals == {}
    assert before.sample("spce", "rutile").identity() == after.sample("spce", "rutile").identity()
    assert before.sample("spce", "copper").identity() != after.sample("spce", "copper").identity()
    for campaign, size in (("rutile", "12"), ("copper", "24")):
        one, other = (plan.run("spce", campaign, size, "0").identity() for plan in (before, after))
        assert (one == other) == (campaign == "rutile")
