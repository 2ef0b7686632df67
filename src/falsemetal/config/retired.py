"""Keys of earlier versions, and what they are written as now."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

CAMPAIGNS = {
    "slabs": ("water_slab", "thicknesses_A"),
    "elongated": ("water_box", "lengths_A"),
    "cubic": ("water_cube", "lengths_A"),
}
"""Sections that were campaigns: their kind, and what their sizes were called."""


def find_retired(raw: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Find keys of earlier versions; yields each with the form that replaces it."""
    for name, (kind, sizes_key) in CAMPAIGNS.items():
        if isinstance(section := raw.get(name), Mapping):
            renamed = {"sizes_A" if key == sizes_key else key: v for key, v in section.items()}
            form = _in_one_line({"campaigns": {name: {"kind": kind} | renamed}})
            yield (name,), f"campaigns are a mapping now; write {form}"
    if "oh_cutoff_A" in _section(raw, "analysis"):
        bond = {"element": "H", "count": 2, "cutoff_A": raw["analysis"]["oh_cutoff_A"]}
        form = _in_one_line({"liquid": {"bonds": [bond]}})
        yield ("analysis", "oh_cutoff_A"), f"the liquid tells it now; write {form}"
    for name, dataset in _section(raw, "datasets").items():
        if isinstance(dataset, Mapping) and "dipole_charge_O_e" in dataset:
            yield (
                ("datasets", name, "dipole_charge_O_e"),
                "the charge belongs to a potential now; write potentials.<name>.charge_e: "
                f"{dataset['dipole_charge_O_e']}",
            )
    electronic = _section(raw, "electronic")
    if isinstance(engine := electronic.get("engine"), str):
        settings = _section(electronic, engine.replace("-", "_"))
        form = _in_one_line({"engine": {"kind": engine} | dict(settings)})
        yield ("electronic", "engine"), f"an engine holds its settings now; write {form}"
    for engine in ("cp2k", "fhi_aims"):
        if isinstance(own := electronic.get(engine), Mapping):
            form = _in_one_line({"engine": {"kind": engine.replace("_", "-")} | dict(own)})
            yield ("electronic", engine), f"an engine holds its settings now; write {form}"
    if "charge_O_e" in electronic:
        yield (
            ("electronic", "charge_O_e"),
            "the charge belongs to a potential now; write potentials.<name>.electronic_charge_e: "
            f"{electronic['charge_O_e']}",
        )


def _section(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = raw.get(name)
    return section if isinstance(section, Mapping) else {}


def _in_one_line(form: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(dict(form), default_flow_style=True, sort_keys=False, width=1e9)
    return text.strip().removeprefix("{").removesuffix("}")
