"""Make a calculator of any package, and serve it to another process.

This file runs in the environment of the potential, which need not know falsemetal: it imports
nothing but the standard library, NumPy and ASE. Messages are pickled builtins and arrays.
"""

import importlib
import os
import platform
import runpy
import sys
import traceback
from contextlib import suppress
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

READY, RESULT, FAILED = "ready", "result", "failed"


class RecipeError(ValueError):
    """A calculator that cannot be made; the message says what to do."""


def make_calculator(recipe: dict[str, Any]) -> Any:
    """Make a calculator.

    Parameters
    ----------
    recipe
        `factory`, as `module:name`, is called with `kwargs`; or `file` is a Python file whose
        `factory`, by default `calculator`, is a calculator or makes one. `loader`, likewise a
        `module:name`, makes arguments of the factory first: it is called with
        `loader_kwargs`, and what it returns are the factory's `loads`. `install` is what to give
        pip where the module is missing, `heads` names an attribute that lists the readouts of a
        model, and `head` is the one that was asked for.
    """
    kwargs = dict(recipe.get("kwargs", {}))
    if recipe.get("loader"):
        loaded = _find(recipe["loader"], recipe)(**recipe.get("loader_kwargs", {}))
        names = recipe["loads"]
        kwargs |= zip(names, loaded if len(names) > 1 else [loaded], strict=True)
    made = _find(recipe["factory"], recipe)
    calculator = made(**kwargs) if callable(made) and not _is_calculator(made) else made
    if not _is_calculator(calculator):
        raise RecipeError(
            f"{recipe.get('file') or recipe['factory']}: makes a {type(calculator).__name__}, "
            "which is no ASE calculator"
        )
    _check_head(calculator, recipe)
    return calculator


def evaluate(calculator: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Energy in eV and forces in eV/Å of a structure."""
    from ase import Atoms

    if callable(reset := getattr(calculator, "reset", None)):
        reset()  # whoever asks again wants to know whether the answer is the same
    atoms = Atoms(calculator=calculator, **request)
    return {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces()}


def versions(packages: list[str]) -> dict[str, str]:
    """Versions of those packages that are installed here, and of Python."""
    found = {"python": platform.python_version()}
    for package in packages:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def serve(connection: "Connection[Any, Any]") -> None:
    """Answer until the other end closes: first with a calculator, then with its energies."""
    calculator = None
    while True:
        try:
            message = connection.recv()
        except EOFError:
            return
        try:
            if "recipe" in message:
                calculator = make_calculator(message["recipe"])
                connection.send((READY, versions(message["packages"])))
            else:
                connection.send((RESULT, evaluate(calculator, message["atoms"])))
        except Exception as error:
            connection.send((FAILED, type(error).__name__, str(error), traceback.format_exc()))


def _find(name: str, recipe: dict[str, Any]) -> Any:
    """Object that `module:name` or `module.name` stands for, or a name in the recipe's file."""
    if recipe.get("file") and name == recipe["factory"]:
        return _find_in_file(recipe["file"], name)
    module, _, attributes = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        missing = recipe.get("install")
        raise RecipeError(
            f"{module} cannot be imported ({error})"
            + (f"; install it: pip install {missing}" if missing else "")
        ) from error
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            raise RecipeError(f"{module} has no '{attributes}'; check its spelling") from None
    return found


def _find_in_file(file: str, name: str) -> Any:
    sys.path.insert(0, str(Path(file).resolve().parent))
    try:
        contents = runpy.run_path(file)
    finally:
        sys.path.pop(0)
    if name not in contents:
        raise RecipeError(f"{file}: defines no '{name}'; name a calculator or a function so")
    return contents[name]


def _is_calculator(thing: Any) -> bool:
    return not isinstance(thing, type) and hasattr(thing, "get_potential_energy")


def _check_head(calculator: Any, recipe: dict[str, Any]) -> None:
    attribute = recipe.get("heads")
    heads = list(getattr(calculator, attribute, None) or []) if attribute else []
    wanted = recipe.get("head")
    if len(heads) > 1 and wanted is None:
        raise RecipeError(f"the model has several heads; name one by --head: {', '.join(heads)}")
    if wanted is not None and heads and wanted not in heads:
        raise RecipeError(f"the model has no head '{wanted}'; it has: {', '.join(heads)}")


if __name__ == "__main__":
    # what a package prints must not reach the pipe, nor stop when nobody reads
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(Connection(int(sys.argv[1])))
