"""Which source files a module depends on, found from the imports that it and they make."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent


def code_of(modules: Iterable[str]) -> list[str]:
    """Find the files of modules and of all of this package that they import, however indirectly.

    Of the modules themselves imports within functions count, too; nothing is imported for this.

    Parameters
    ----------
    modules
        Dotted names, of this package or of plugins.
    """
    starts = [_file(module) for module in modules]
    found = set(starts)
    waiting = [path for start in starts for path in _imported(start, everywhere=True)]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported(path, everywhere=False)
    # kernels lie beside their modules
    folders = {file.parent for file in found}
    kernels = (
        path for kind in ("cpp", "h") for folder in folders for path in folder.glob(f"*.{kind}")
    )
    return sorted(map(relative, found.union(kernels)))


def relative(path: Path) -> str:
    """Path below the working folder from there: a checkout that is moved has no new inputs."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _file(module: str) -> Path:
    """File of a module; of one outside the package it must be importable by its name alone."""
    name = module.split(".")
    if name[0] == ROOT.name:
        for path in (
            ROOT.joinpath(*name[1:]).with_suffix(".py"),
            ROOT.joinpath(*name[1:], "__init__.py"),
        ):
            if path.exists():
                return path
    elif (spec := find_spec(module)) and spec.origin:
        return Path(spec.origin)
    raise ModuleNotFoundError(f"{module}: no source file", name=module)


@cache
def _imported(path: Path, *, everywhere: bool) -> list[Path]:
    """Files of the package that a file imports when it is loaded, or anywhere."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []
    for node in ast.walk(tree) if everywhere else tree.body:
        for name in _names(node):
            try:
                found.append(_file(name))
            except ModuleNotFoundError:  # a name within a module
                continue
    return found


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    else:
        names = []
    yield from (name for name in names if name.split(".")[0] == ROOT.name)
