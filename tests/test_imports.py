"""What `lint-imports` does not see: circles among the modules of one floor."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter

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
