"""Calculators of recipes for runs and single points of the workflow."""

import os
from pathlib import Path
from typing import Any

from ase.calculators.abc import GetPropertiesMixin

from falsemetal.potentials.foreign.naming import Named, make_named, with_dispersion
from falsemetal.potentials.runners import ForeignRunner
from falsemetal.simulation.settings import Conditions


def calculator_of_recipe(
    runner: ForeignRunner, conditions: Conditions | None, *, folder: Path, threads: int
) -> GetPropertiesMixin:
    """Make the calculator that a runner describes; RecipeError if that fails."""
    # before the package's libraries count cores, here or in the other interpreter
    os.environ["OMP_NUM_THREADS"] = str(threads)
    recipe: dict[str, Any] = dict(runner.arguments)
    calculator = make_named(Named(runner.named, recipe), runner.python)
    return calculator if runner.d3 is None else with_dispersion(calculator, runner.d3)
