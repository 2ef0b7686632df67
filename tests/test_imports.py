"""What `lint-imports` does not see: circles among the modules of one floor, and slow starts."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter

import pytest
from checkouts import ROOT

SOURCE = ROOT / "src"
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SOURCE.rglob("*.py")
}


def loaded_with(module: str) -> Iterator[str]:
    """Modules of the package that are loaded when a module is."""
    for node in ast.parse(MODULES[module].read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from {name if name in MODULES else node.module for name in names} & set(MODULES)
        elif isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names} & set(MODULES)


def test_no_module_is_loaded_in_a_circle() -> None:
    imports = {module: set(loaded_with(module)) for module in MODULES}
    assert imports["falsemetal.potentials.store"] > {"falsemetal.potentials.kind"}
    order = list(TopologicalSorter(imports).static_order())  # raises CycleError
    assert set(order) == set(MODULES)


@pytest.mark.parametrize("module", ["falsemetal.config.plan", "falsemetal.products.registry"])
def test_what_every_job_of_the_workflow_loads_does_without_the_models(module: str) -> None:
    """PyTorch and mace take seconds to load, each time that a Snakefile is read."""
    code = f"import sys, {module}; print(*{{'torch', 'mace', 'e3nn'}} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
