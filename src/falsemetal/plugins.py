"""Code of the user's own that adds potentials, campaigns, observables, products or engines."""

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from falsemetal.files import expand
from falsemetal.section import rebuild_sections


class PluginError(ValueError):
    """A plugin that cannot be loaded; the message names it and what to do."""


def load_plugins(plugins: Iterable[str]) -> list[ModuleType]:
    """Import modules, each once, by their dotted name or the path of their file.

    Raises
    ------
    PluginError
        If one cannot be found or fails while it is imported.
    """
    before = set(sys.modules)
    loaded = [_load(plugin) for plugin in plugins]
    if {module.__name__ for module in loaded} - before:
        rebuild_sections()
    return loaded


def _load(plugin: str) -> ModuleType:
    try:
        if not plugin.endswith(".py"):
            return importlib.import_module(plugin)
        path = expand(plugin).resolve()
        if path.stem in sys.modules:
            _check_same(getattr(sys.modules[path.stem], "__file__", None), path)
            return sys.modules[path.stem]
        other = importlib.util.find_spec(path.stem)
        if other is not None:
            _check_same(other.origin, path)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise PluginError(f"plugins: {plugin} is no Python file")
        module = importlib.util.module_from_spec(spec)
        # findable by name, as for an import
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
    except PluginError:
        raise
    except Exception as error:
        if plugin.endswith(".py"):
            sys.modules.pop(Path(plugin).stem, None)
        raise PluginError(f"plugins: {plugin}: {type(error).__name__}: {error}") from error
    return module


def _check_same(found: str | None, path: Path) -> None:
    if found is None or Path(found).resolve() != path:
        raise PluginError(
            f"plugins: {path}: there is a module {path.stem} already; rename the file"
        )
