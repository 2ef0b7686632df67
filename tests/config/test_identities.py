"""No setting changes without exactly those jobs that depend on it being made again."""

from fnmatch import fnmatchcase
from typing import Any

import pytest
from jobs import every_key, everything, identities, plan_of, with_value

from falsemetal.potentials.kind import ELECTRONIC_CHARGE_E, POTENTIALS
from falsemetal.products.registry import PRODUCTS

RAW = everything()
PLAN = plan_of(RAW)
FULL = PLAN.config.model_dump(mode="json", exclude_none=True)
BEFORE = identities(PLAN)
KEYS = every_key(PLAN.config)

OTHERS: dict[str, Any] = {
    "name": "other",
    "datasets.spce.kind": None,
    "datasets.grown.kind": None,
    "datasets.grown.of": None,
    "datasets.grown.by": "spce",
    "datasets.grown.campaign": None,
    "datasets.grown.size_A": 9.3,
    "datasets.grown.select.how": "even",
    "datasets.grown.select.known_share": 0.9,
    "datasets.grown.label.kind": None,
    "datasets.grown.label.potential": "ours",
    "datasets.rattled.kind": None,
    "datasets.rattled.label.kind": None,
    "datasets.rattled.label.potential": "theirs",
    "datasets.rattled.structures.copper.path": None,
    "datasets.rattled.structures.copper.builder": "ase.build:molecule",
    "datasets.rattled.structures.copper.kwargs.*": "Ag",
    "datasets.rattled.structures.copper.remove": [0],
    # its checks reject charged frames
    "datasets.rattled.structures.copper.total_charges_e": None,
    "potentials.*.grid": None,
    "grids": None,
    "datasets.dft.kind": None,
    "datasets.spce.sampling.bulk.kind": "slab",
    "datasets.spce.sampling.slab.kind": "bulk",
    "datasets.spce.sampling.brine.kind": None,
    "datasets.spce.sampling.bulk.molality_mol_per_kg": None,
    "datasets.spce.sampling.slab.molality_mol_per_kg": None,
    # with others its checks reject the frames
    "datasets.spce.sampling.slab.label_fields_V_per_A": [0.0],
    "datasets.*.label_fields_V_per_A": None,
    "datasets.*.split.maximum_frames": 5,
    "datasets.*.checks.isolated_atoms": "atomic_energies",
    "datasets.*.head": "pbe",
    "datasets.dft.source": "revpbe0-d3-water-generation-1",
    "datasets.dft.path": "elsewhere.data",
    "datasets.dft.format": None,
    "datasets.dft.*_key": "energy",
    "datasets.dft.step_fs": 0.5,
    "datasets.dft.published": "Au2-MgO",
    "potentials.spce-truncated.coulomb.kind": None,
    "*.coulomb.kind": "damped_shifted",
    "potentials.*.coulomb": {"kind": "damped_shifted"},
    "training.dtype": "float64",
    # of an architecture that takes none
    "potentials.theirs.device": None,
    "*.device": "cpu",
    "potentials.*.kind": None,
    "potentials.native.dataset": "spce",
    "potentials.*.dataset": None,
    "potentials.*.label": "another name",
    "potentials.*.charge_e": -0.5,
    "potentials.*.electronic_charge_e": -0.6,
    "potentials.sr-mace.l_max": None,
    "potentials.equilibrated.l_max": None,
    "potentials.equilibrated.hardness": "environment",
    "potentials.equilibrated.short_range": "reads_charges",
    "potentials.bent.l_max": None,
    "potentials.bent.hardness": "environment",
    "potentials.bent.short_range": "reads_charges",
    "potentials.answering.l_max": None,
    "potentials.answering.conductors": ["O"],
    "potentials.*.radial_mlp": [8],
    "potentials.*.seed": 7,
    "potentials.*.source": "another",
    "potentials.*.path": "elsewhere",
    "potentials.native.engine": "cp2k",
    "potentials.by-cp2k.engine": "native",
    "campaigns.*.kind": None,
    "campaigns.*.sizes_A": None,
    "campaigns.cubic.density_g_per_cm3": 1.2,
    "liquid.region": None,
    "liquid.centres": None,
    "liquid.bonds": [{"element": "H", "count": 2, "cutoff_A": 1.3}],
    "*force_field.metals": {"Cu": {"epsilon_kcal_per_mol": 1.0, "sigma_A": 2.3}},
    "*force_field.oxides": None,
    "datasets.*.checks.held_atoms": "leave_out",
    # only beside a potential that knows total charges
    "datasets.grown.checks.clusters": "keep",
    "datasets.grown.checks.charged": "keep",
    "datasets.grown.checks.fields": "keep",
    "datasets.*.checks.clusters": None,
    "datasets.*.checks.charged": None,
    "datasets.*.checks.fields": None,
    "potentials.*.metal_response": "none",
    "campaigns.*.on_request": None,
    "liquid.charge_shares": {"O": 1.0, "H": -0.4},
    "dynamics.frame_interval_fs": 20.0,
    "dynamics.dtype": "float64",
    "dynamics.compile": "never",
    "dynamics.limits.broken_fraction": 0.5,
    "electronic.engine.kind": None,
    "electronic.engine.*basis*": "other",
    "electronic.frames.polarised.targets_V": [0.0, 1.5],
    "electronic.frames.largest.quantiles": [0.5],
    "electronic.frames.*.targets_V": None,
    "electronic.frames.*.quantiles": None,
    "electronic.frames.*.potential": None,
    "electronic.frames.*.campaign": None,
    "electronic.frames.*.size_A": None,
    "electronic.frames.*.functionals": ["RPBE"],
    "electronic.frames.largest.field_V_per_A": None,
    "electronic.frames.polarised.field_V_per_A": None,
    "potentials.theirs.arch": None,
    "potentials.theirs.model": "truncated",
    "potentials.theirs.head": None,
    "potentials.ours.module": "ase.calculators.emt",
    "potentials.ours.factory": "Other",
    "potentials.*.python": "elsewhere/bin/python",
    "potentials.*.d3": "pbe",
    "potentials.*.kwargs": {"key": 1.0},
    "potentials.recorded.files.*": ["2.xyz", "3.xyz"],
    "potentials.recorded.topology": "top.pdb",
    "potentials.recorded.types": ["O", "H"],
    "potentials.recorded.interval_ps": 0.05,
    "potentials.recorded.cell_A": [9.3, 9.3, 9.3],
    "potentials.recorded.solid_atoms": 3,
    "potentials.recorded.runs": None,
    "check.probes": ["water-64"],
    "check.n_cells": 5,
    "plugins": None,
}
"""Other values where a number is not just a little larger; None: not by itself changeable."""


def shows(campaign: str, *, charges: bool = False) -> list[str]:
    """Products of a campaign; those of several kinds have one for each of the two here."""
    kind = PLAN.config.campaigns[campaign].kind
    return [
        name if len(product.campaigns) == 1 else f"{name}-{campaign}"
        for name, product in PRODUCTS.items()
        if kind in product.campaigns and (product.charges or not charges)
    ]


FILMS, BOXES, CUBES, RELEASED = (
    shows(campaign) for campaign in ("slabs", "elongated", "cubic", "released")
)
BULK = [*BOXES, *CUBES]
JOBS = [name for name, product in PRODUCTS.items() if product.jobs]
DIPOLES_OF_FILMS, DIPOLES_OF_BOXES, DIPOLES_OF_CUBES, DIPOLES_OF_RELEASED = (
    [f"product:{name}" for name in shows(campaign, charges=True)]
    for campaign in ("slabs", "elongated", "cubic", "released")
)
DIPOLES = [*DIPOLES_OF_FILMS, *DIPOLES_OF_BOXES, *DIPOLES_OF_CUBES, *DIPOLES_OF_RELEASED]
DIPOLES_OF_TRUNCATED = [*DIPOLES_OF_FILMS, *DIPOLES_OF_BOXES, *DIPOLES_OF_RELEASED]
LEARNED = ["product:learned_charges", "product:table_charges"]
CHECKS = ["product:table_check", "product:stacking"]
GAPS = [f"product:{name}" for name in ("fig3a", "predicted", "table_fluctuations", "figS8")]
TRAINED = ["sr-mace", "lr-mace", "equilibrated", "bent", "answering"]
SUMMARIES = ["observe:*/voltage"]
MODELS = ["train:{0}", "product:table_errors"]

EXPECTED: dict[str, list[str]] = {
    "name": [],
    # of solids that these systems do not hold
    "*force_field.metals": [],
    "potentials.*.metal_response": [],
    "seed": [
        "sample:*",
        "displace:*",
        "curate:*",
        "extend:*",
        "train:*",
        "evaluate:*",
        "start:*",
        "run:*",
    ],
    # datasets
    "datasets.spce.force_field.charge_O_e": [
        *("sample:*", "curate:spce", "run:spce*/*", "check:spce*", *DIPOLES),
        *(f"check:{name}" for name in TRAINED),
        *("label:grown", "explore:grown"),
        *(f"observe:{name}/*/voltage" for name in ("spce*", *TRAINED)),
        *("learned_charges:lr-mace", "learned_charges:answering", *LEARNED),
    ],
    "datasets.spce.force_field.coulomb.*": [
        *("sample:*", "curate:spce", "label:grown", "run:spce/*", "check:spce", *DIPOLES)
    ],
    "datasets.spce.force_field.*": [
        *("sample:*", "curate:spce", "label:grown", "run:spce*/*", "check:spce*")
    ],
    "datasets.spce.sampling.bulk.*": ["sample:spce/bulk", "curate:spce"],
    "datasets.spce.sampling.slab.*": ["sample:spce/slab", "curate:spce"],
    "datasets.spce.sampling.brine.*": ["sample:spce/brine", "curate:spce"],
    "datasets.spce.label_charges": ["sample:spce/*", "curate:spce"],
    "datasets.spce.checks.*": ["curate:spce"],
    "datasets.spce.split.*": ["curate:spce"],
    "datasets.dft.checks.*": ["curate:dft"],
    "datasets.dft.split.*": ["curate:dft"],
    # of none of its models errors are measured
    "datasets.dft.published": [],
    "datasets.dft.*": ["read:dft", "curate:dft"],
    "datasets.rattled.structures.*": ["displace:rattled", "curate:rattled"],
    "datasets.rattled.label.*": ["label:rattled", "curate:rattled"],
    "datasets.rattled.checks.*": ["curate:rattled"],
    "datasets.rattled.split.*": ["curate:rattled"],
    # of loops
    "datasets.grown.size_A": ["extend:grown"],
    "datasets.grown.by": ["explore:grown", "extend:grown"],
    "datasets.grown.checks.minimum_distance_A*": ["explore:grown", "extend:grown"],
    "datasets.grown.checks.*": ["extend:grown"],
    "datasets.grown.select.*": ["explore:grown", "extend:grown"],
    "datasets.grown.label.*": ["label:grown", "extend:grown"],
    "datasets.grown.split.*": ["extend:grown"],
    # potentials
    "training.device": [],
    "training.dtype": ["train:*", "evaluate:*", "learned_charges:*"],
    "training.*": ["train:*"],
    "potentials.spce.label": [
        f"product:{name}" for name in (*FILMS, *BULK, *RELEASED, *JOBS, "table_runs")
    ]
    + CHECKS,
    "potentials.spce-truncated.label": [
        f"product:{name}" for name in (*FILMS, *BOXES, *RELEASED, "table_runs")
    ]
    + CHECKS,
    "potentials.spce-truncated.coulomb.*": [
        *("run:spce-truncated/*", "check:spce-truncated", *DIPOLES_OF_TRUNCATED)
    ],
    "potentials.spce-truncated.*charge_e": [
        *("observe:spce-truncated/*/voltage", "check:spce-truncated", *DIPOLES_OF_TRUNCATED),
        "explore:grown",
    ],
    "potentials.sr-mace.label": [
        f"product:{name}" for name in (*FILMS, *BOXES, "table_runs", "table_errors")
    ]
    + CHECKS,
    "potentials.lr-mace.label": [
        *CHECKS,
        *(f"product:{name}" for name in (*FILMS, *CUBES, "table_runs", "table_errors")),
        *("product:tableS2", *LEARNED),
    ],
    "potentials.bent.label": [
        *(f"product:{name}" for name in (*CUBES, "table_runs", "table_errors")),
        *CHECKS,
    ],
    "potentials.equilibrated.label": [
        *(f"product:{name}" for name in (*FILMS, *CUBES, "table_runs", "table_errors")),
        *CHECKS,
    ],
    "potentials.answering.label": [
        *(f"product:{name}" for name in (*CUBES, "table_runs", "table_errors", "tableS2")),
        *(*CHECKS, *LEARNED),
    ],
    "potentials.recorded.label": [f"product:{name}" for name in (*CUBES, "table_runs")],
    "potentials.*.label": [f"product:{name}" for name in (*CUBES, "table_runs")] + CHECKS,
    "potentials.*.optional": [],
    "potentials.spce.coulomb": ["run:spce/*", "check:spce", *DIPOLES],
    "potentials.spce.charge_e": ["observe:spce/*/voltage", "check:spce", *DIPOLES],
    "potentials.sr-mace.charge_e": [
        *("observe:sr-mace/*/voltage", "check:sr-mace", *DIPOLES_OF_FILMS, *DIPOLES_OF_BOXES)
    ],
    "potentials.lr-mace.charge_e": [
        *("learned_charges:lr-mace", "check:lr-mace"),
        *("observe:lr-mace/*/voltage", *DIPOLES_OF_FILMS, *DIPOLES_OF_CUBES, *LEARNED),
    ],
    "potentials.equilibrated.*charge_e": [
        *("observe:equilibrated/*/voltage", "check:equilibrated"),
        *(*DIPOLES_OF_FILMS, *DIPOLES_OF_CUBES),
    ],
    "potentials.bent.*charge_e": ["observe:bent/*/voltage", "check:bent", *DIPOLES_OF_CUBES],
    "potentials.answering.charge_e": [
        *("learned_charges:answering", "check:answering"),
        *("observe:answering/*/voltage", *DIPOLES_OF_CUBES, *LEARNED),
    ],
    "potentials.answering.electronic_charge_e": [
        *("observe:answering/*/voltage", "check:answering", *DIPOLES_OF_CUBES, *LEARNED)
    ],
    "potentials.native.charge_e": [
        *("observe:native/*/voltage", "check:native", *DIPOLES_OF_CUBES)
    ],
    "potentials.by-cp2k.charge_e": [
        *("observe:by-cp2k/*/voltage", "check:by-cp2k", *DIPOLES_OF_CUBES)
    ],
    "potentials.spce.electronic_charge_e": [
        *("read_job:*", "observe:spce/*/voltage", "select:*", "check:spce", *DIPOLES)
    ],
    "potentials.sr-mace.electronic_charge_e": [
        *("observe:sr-mace/*/voltage", "check:sr-mace", *DIPOLES_OF_FILMS, *DIPOLES_OF_BOXES)
    ],
    "potentials.lr-mace.electronic_charge_e": [
        *(
            "observe:lr-mace/*/voltage",
            "check:lr-mace",
            *DIPOLES_OF_FILMS,
            *DIPOLES_OF_CUBES,
            *LEARNED,
        ),
    ],
    "potentials.native.electronic_charge_e": [
        *("observe:native/*/voltage", "check:native", *DIPOLES_OF_CUBES)
    ],
    "potentials.by-cp2k.electronic_charge_e": [
        *("observe:by-cp2k/*/voltage", "check:by-cp2k", *DIPOLES_OF_CUBES)
    ],
    "potentials.native.csvr_time_fs": [],
    "potentials.by-cp2k.csvr_time_fs": ["run:by-cp2k/*"],
    "potentials.native.engine": ["run:native/*", "check:native"],
    "potentials.by-cp2k.engine": ["run:by-cp2k/*", "check:by-cp2k"],
    "potentials.native.dataset": [
        *("observe:native/*/voltage", "evaluate:native", "check:native", *CHECKS),
        *(f"product:{name}" for name in (*CUBES, "table_runs", "table_errors")),
    ],
    "potentials.native.source": ["fetch:native"],
    "potentials.by-cp2k.source": ["fetch:by-cp2k"],
    "potentials.native.path": ["fetch:native"],
    "potentials.by-cp2k.path": ["fetch:by-cp2k"],
    "potentials.*.python": [],
    "potentials.*.step_s_per_atom": [],
    "potentials.theirs.device": [],
    "potentials.theirs.*charge_e": ["observe:theirs/*/voltage", "check:theirs", *DIPOLES_OF_CUBES],
    "potentials.ours.*charge_e": ["observe:ours/*/voltage", "check:ours", *DIPOLES_OF_CUBES],
    "potentials.theirs.*": ["run:theirs/*", "check:theirs"],
    "potentials.ours.*": ["run:ours/*", "check:ours", "label:rattled"],
    # inputs of their rule
    "potentials.recorded.files.*": [],
    "potentials.recorded.topology": [],
    "potentials.recorded.*charge_e": ["observe:recorded/*/voltage", *DIPOLES_OF_CUBES],
    "potentials.recorded.*": ["recording:recorded/*"],
    "potentials.sr-mace.*": ["train:sr-mace", "product:table_errors"],
    "potentials.lr-mace.*": ["train:lr-mace", "product:table_errors", "product:tableS2"],
    "potentials.equilibrated.*": ["train:equilibrated", "product:table_errors"],
    "potentials.bent.*": ["train:bent", "product:table_errors"],
    "potentials.answering.*": ["train:answering", "product:table_errors", "product:tableS2"],
    # campaigns
    "campaigns.slabs.cross_section_A": [
        *("start:slabs/*", "check:*"),
        *(f"product:{name}" for name in (*FILMS, "table_runs")),
    ],
    "campaigns.slabs.*": [
        "start:slabs/*",
        *(f"product:{name}" for name in (*FILMS, "table_runs")),
    ],
    "campaigns.elongated.*": [
        "start:elongated/*",
        *(f"product:{name}" for name in (*BOXES, "table_runs")),
    ],
    "campaigns.released.*": [
        "start:released/*",
        *(f"product:{name}" for name in (*RELEASED, "table_runs")),
    ],
    "campaigns.cubic.equilibration_ps": [
        "start:cubic/*",
        *(f"product:{name}" for name in (*CUBES, "table_runs")),
    ],
    "campaigns.cubic.*": [
        *("start:cubic/*", "recording:*"),
        *(f"product:{name}" for name in (*CUBES, "table_runs")),
    ],
    "check.*": ["check:*"],
    "liquid.bonds": [
        *("run:*", "recording:*"),
        "observe:*",
        "explore:grown",
        "check:*",
        "learned_charges:*",
        "respond:*",
        "write_job:*",
        "read_job:*",
    ],
    "liquid.mass_u": ["observe:*/slabs/voltage", "observe:*/released/voltage"],
    "liquid.charge_shares": ["observe:*/voltage", "check:*"],
    "start_force_field.*": ["start:*"],
    # dynamics
    "dynamics.temperature_K": [
        *("start:*", "run:*", "check:*", "observe:*/elongated/voltage", "observe:*/cubic/voltage"),
        *(*GAPS, "product:table_runs"),
    ],
    "dynamics.timestep_fs": ["run:*", "product:table_runs"],
    "dynamics.friction_per_fs": [
        f"run:{name}/*" for name in ("spce*", *TRAINED, "native", "theirs", "ours")
    ],
    "dynamics.dtype": [f"run:{name}/*" for name in (*TRAINED, "native")],
    "dynamics.discard_ps": [
        *(f"observe:*/{name}/*" for name in ("slabs", "elongated", "cubic")),
        "product:table_runs",
    ],
    "dynamics.device": [],
    "dynamics.neighbour_skin_A": [],
    "dynamics.compile": [],
    "dynamics.*": ["run:*"],
    # analysis
    "analysis.band_gap_eV": [
        *("check:*", *SUMMARIES),
        *(*GAPS, *(f"product:{name}" for name in ("fig3c", "figS10", "fig3b", "figS1", *RELEASED))),
    ],
    "analysis.band_gap_scatter_eV": [
        *SUMMARIES,
        *(*GAPS, *(f"product:{name}" for name in ("fig3c", "figS10", *RELEASED))),
    ],
    "analysis.relative_permittivity": ["check:*", *GAPS, "product:structure_factors-*"],
    "analysis.structure_factor_*": ["observe:*/elongated/voltage", "observe:*/cubic/voltage"],
    "analysis.z_bin_A": ["observe:*/slabs/voltage", "observe:*/released/voltage"],
    "analysis.maximum_lag_ps": [*SUMMARIES, "product:figS8"],
    "analysis.gaussian_width_A": ["observe:*/elongated/voltage", "observe:*/cubic/voltage"],
    "analysis.rdf_*": ["observe:*/rdf"],
    # inputs of their rule
    "analysis.response_frames": [],
    # electronic structure
    "electronic.engine.*": ["write_job:*"],
    "electronic.vacuum_A": ["write_job:*"],
    "electronic.frames.polarised.functionals": [
        "write_job:polarised/*",
        "run_job:polarised/*",
        "read_job:polarised/*",
    ],
    "electronic.frames.largest.functionals": [
        "write_job:largest/*",
        "run_job:largest/*",
        "read_job:largest/*",
    ],
    "electronic.frames.polarised.*": ["select:polarised"],
    "electronic.frames.largest.*": ["select:largest"],
    "electronic.density_of_states.layer_A": ["write_job:*", "read_job:*"],
    "electronic.density_of_states.*": ["read_job:*"],
    "electronic.band_search.*": ["read_job:*", "product:band_edges"],
    "electronic.small_dipole_V": ["product:figS1"],
}
"""Jobs whose identity a key is part of; the first pattern that fits a key counts.

That other jobs follow, since their inputs are made anew, is Snakemake's business.
"""


def first_fitting(table: dict[str, Any], name: str) -> tuple[str, Any] | None:
    return next((item for item in table.items() if fnmatchcase(name, item[0])), None)


def other_value(name: str, value: Any) -> Any:
    """Value that a key might have as well, or None."""
    listed = first_fitting(OTHERS, name)
    if listed is not None:
        return listed[1]
    if isinstance(value, bool):
        return not value
    assert isinstance(value, int | float), f"{name}: list another value in OTHERS"
    return value + 1 if isinstance(value, int) else 1.01 * value or 0.25


CHANGEABLE = [
    (path, other)
    for path, value in KEYS
    if ".runs." not in (name := ".".join(path)) and (other := other_value(name, value)) is not None
]


@pytest.mark.parametrize(("path", "other"), CHANGEABLE, ids=[".".join(p) for p, _ in CHANGEABLE])
def test_exactly_those_jobs_change_that_hold_a_key(path, other) -> None:
    name = ".".join(path)
    entry = first_fitting(EXPECTED, name)
    assert entry is not None, f"{name}: tell in EXPECTED which jobs depend on it"
    after = identities(plan_of(with_value(FULL, path, other)))
    changed = {key for key in BEFORE.keys() | after.keys() if BEFORE.get(key) != after.get(key)}
    of_either = BEFORE.keys() | after.keys()
    assert changed == {key for key in of_either if any(fnmatchcase(key, p) for p in entry[1])}


def test_a_longer_run_is_continued_and_a_new_size_changes_no_other() -> None:
    longer = plan_of(
        with_value(RAW, ("potentials", "spce", "runs", "slabs"), {"duration_ps": 80.0})
    )
    after = identities(longer)
    changed = {key for key in BEFORE if BEFORE[key] != after[key] and key.startswith("run:")}
    assert changed == {"run:spce/slabs/6.3/0", "run:spce/slabs/9.3/0"}
    one, other = (plan.run("spce", "slabs", "6.3", "0") for plan in (PLAN, longer))
    assert one.identity(extent=False) == other.identity(extent=False)
    more = identities(plan_of(with_value(RAW, ("campaigns", "slabs", "sizes_A"), [6.3, 8.0, 9.3])))
    changed = {key for key in BEFORE if BEFORE[key] != more[key]}
    assert changed and all(key.startswith("product:") for key in changed)


@pytest.mark.parametrize("kind", list(POTENTIALS))
def test_volts_and_thresholds_are_by_the_electronic_charge(kind) -> None:
    tried = 0
    for name, potential in PLAN.config.potentials.items():
        if potential.kind != kind:
            continue
        for campaign in potential.by_campaign:
            spec = PLAN.observe(name, campaign, ["voltage", "summary"])
            assert spec.electronic_charges["O"] == ELECTRONIC_CHARGE_E
            assert spec.charges["O"] == PLAN.charges(name).own_e
            tried += 1
    assert tried
