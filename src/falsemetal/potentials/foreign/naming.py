"""What a user may call a potential on the command line."""

import importlib.util
import json
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ase.calculators.abc import GetPropertiesMixin

from falsemetal.files import expand
from falsemetal.potentials.foreign.architectures import ALIASES, ARCHITECTURES, recipe_of
from falsemetal.potentials.foreign.remote import RemoteCalculator
from falsemetal.potentials.foreign.worker import RecipeError, make_calculator

TYPES = "# types:"
"""Begins the line of a file of LAMMPS commands that names the elements of its types."""

FORMS = """\
ARCH[:MODEL] (mace_mp:medium-mpa-0, chgnet, sevennet:7net-0, mace:model.model, …),
package.module:factory, a Python file that defines `calculator` (file.py, or file.py:name),
a model folder of this program, or lammps:FILE with a pair style"""


@dataclass(frozen=True)
class Named:
    """A potential that a user has named.

    Attributes
    ----------
    name
        As it was named.
    recipe
        How its calculator is made.
    charge_e
        Own fixed charge of the liquid's centre, if that is known.
    charges_e
        Own fixed charges by element, if they are known so.
    files
        That hold it.
    """

    name: str
    recipe: dict[str, Any]
    charge_e: float | None = None
    charges_e: Mapping[str, float] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


def find_named(
    name: str,
    *,
    kwargs: Mapping[str, Any] | None = None,
    head: str | None = None,
    device: str | None = None,
    dtype: str | None = None,
) -> Named:
    """Find out what a name stands for; RecipeError for one that stands for nothing."""
    arguments = dict(kwargs or {})
    first, _, rest = name.partition(":")
    path = expand(name)
    if first in ARCHITECTURES or first in ALIASES:
        try:
            recipe = recipe_of(
                first, rest or None, head=head, device=device, dtype=dtype, kwargs=arguments
            )
        except ValueError as error:
            raise RecipeError(str(error)) from error
        charges = ARCHITECTURES[ALIASES.get(first, first)].charges_e
        return Named(name, recipe, charges_e=dict(charges), files=_files(rest))
    for option, value in (("head", head), ("device", device), ("dtype", dtype)):
        if value is not None and not path.is_dir():
            raise RecipeError(
                f"{name} takes no --{option}: give it by --kwargs, as the function calls it"
            )
    if first == "lammps" and rest:
        block = expand(rest)
        if not block.is_file():
            raise RecipeError(f"{block}: there is no such file; give LAMMPS commands by it")
        factory = "falsemetal.potentials.foreign.lammps_block:lammps_block"
        recipe = {"factory": factory, "kwargs": {"path": str(block.resolve())} | arguments}
        return Named(name, recipe, charges_e=charges_of(block), files=(block,))
    if path.is_dir():
        return _folder(name, path, arguments, device, dtype)
    file, _, attribute = name.rpartition(".py:") if ".py:" in name else (name, "", "")
    if name.endswith(".py") or attribute:
        script = expand(f"{file}.py" if attribute else file)
        if not script.is_file():
            raise RecipeError(f"{script}: there is no such file")
        recipe = {
            "file": str(script.resolve()),
            "factory": attribute or "calculator",
            "kwargs": arguments,
        }
        return Named(name, recipe, files=(script,))
    if rest and all(part.isidentifier() for part in (*first.split("."), *rest.split("."))):
        return Named(name, {"factory": name, "kwargs": arguments})
    known = [*ARCHITECTURES, *ALIASES]
    close = get_close_matches(first, known, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise RecipeError(
        f"'{name}' names no potential; {hint}give {FORMS}; architectures: {', '.join(known)}"
    )


def make_named(named: Named, python: str | Path | None = None) -> GetPropertiesMixin:
    """Make the calculator here, or in another interpreter; RecipeError if that fails."""
    if python is not None:
        try:
            return RemoteCalculator(named.recipe, python)
        except RecipeError as error:
            there = str(error).replace("pip install", f"{python} -m pip install")
            raise RecipeError(f"{named.name}: {there}") from error
    try:
        calculator: GetPropertiesMixin = make_calculator(named.recipe)
    except RecipeError as error:
        raise RecipeError(f"{named.name}: {error}") from error
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()] or ["no message"]
        raise RecipeError(
            f"{named.name}: the calculator cannot be made: {type(error).__name__}: {lines[0]}"
        ) from error
    return calculator


def with_dispersion(calculator: GetPropertiesMixin, functional: str) -> GetPropertiesMixin:
    """Add D3 with Becke-Johnson damping for a functional; RecipeError if it cannot be had."""
    if importlib.util.find_spec("dftd3") is None:
        raise RecipeError("D3 needs dftd3; install it: pip install 'falsemetal[d3]'")
    from ase import Atoms
    from ase.calculators.mixing import SumCalculator
    from ase.units import Bohr
    from dftd3.ase import DFTD3

    # the cutoff with which foundation models come
    cutoffs = {"disp2": 40.0 * Bohr, "disp3": 40.0 * Bohr, "cn": 40.0 * Bohr}
    try:
        dispersion = DFTD3(method=functional, damping="d3bj", realspace_cutoff=cutoffs)
        Atoms("H", calculator=dispersion).get_potential_energy()  # it looks the functional up
    except Exception as error:
        raise RecipeError(f"D3 for {functional}: {error}") from error
    both: GetPropertiesMixin = SumCalculator([calculator, dispersion])
    return both


def _folder(
    name: str, path: Path, arguments: dict[str, Any], device: str | None, dtype: str | None
) -> Named:
    description = path / "model.json"
    if not description.is_file():
        raise RecipeError(f"{path}: holds no model.json, and is no model folder of this program")
    try:
        charge = json.loads(description.read_text(encoding="utf-8")).get("charge_e")
    except (ValueError, AttributeError) as error:
        raise RecipeError(f"{description}: not the description of a model ({error})") from error
    if "torch" not in sys.modules and importlib.util.find_spec("torch") is None:
        raise RecipeError(
            f"{path}: models of this program need PyTorch and mace-torch; install them: "
            "pip install 'falsemetal[mace]'"
        )
    chosen = {"device": device, "dtype": dtype}
    given = {key: value for key, value in chosen.items() if value is not None}
    recipe = {
        "factory": "falsemetal.potentials.calculator:calculator_for_points",
        "kwargs": {"folder": str(path.resolve())} | given | arguments,
    }
    return Named(name, recipe, charge, files=(description,))


def charges_of(block: Path) -> dict[str, float]:
    """Read fixed charges by element from `set type N charge Q` in LAMMPS commands."""
    types: list[str] = []
    found: dict[str, float] = {}
    for line in block.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.strip().startswith(TYPES):
            types = line.strip().removeprefix(TYPES).split()
        if match := re.match(r"\s*set\s+type\s+(\d+)\s+charge\s+(\S+)", line):
            index, charge = int(match[1]) - 1, match[2]
            with suppress(ValueError, IndexError):
                found[types[index]] = float(charge)
    return found


def _files(model: str) -> tuple[Path, ...]:
    path = expand(model)
    return (path,) if model and path.is_file() else ()
