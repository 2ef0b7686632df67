"""The configuration: what a run does, validated before anything is computed.

Every YAML file in `config/` is an instance of :class:`Config`; `config/schema.json` is generated
from it by ``python -m falsemetal.config --schema > config/schema.json``. The configuration holds
science only: cores, memory and partitions live in `profiles/`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from falsemetal.config.grids import GridError, lay_out
from falsemetal.config.model import Config
from falsemetal.config.reading import ReadingError, merge, read_configuration
from falsemetal.config.retired import find_retired
from falsemetal.plugins import PluginError, load_plugins

__all__ = ["Config", "ConfigError", "load_config", "parse_config", "schema"]

Key = Sequence[str | int]


class ConfigError(ValueError):
    """A configuration that cannot be run; the message names the file, the key and how to fix it."""


def load_config(*paths: str | Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read and validate YAML files, each laid over those before it.

    Parameters
    ----------
    paths
        At least one.
    overrides
        Laid over all files, as from a command line.

    Raises
    ------
    ConfigError
        One line per fault, each naming the file, the line and the key.
    """
    try:
        configuration = read_configuration(paths)
    except ReadingError as error:
        raise ConfigError(str(error)) from None
    return parse_config(
        merge(configuration.content, overrides or {}),
        source=configuration.source,
        place=lambda key: configuration.place(key) or configuration.source,
    )


def parse_config(
    raw: Mapping[str, Any], *, source: str, place: Callable[[Key], str] | None = None
) -> Config:
    """Validate a plain mapping.

    Parameters
    ----------
    raw
        As read from YAML.
    source
        File name, for error messages.
    place
        Finds the file and line of a key; default: the source.

    Raises
    ------
    ConfigError
        One line per fault, each naming the file and the key.
    """
    where = place or (lambda _: source)
    retired = [f"{where(key)}: {_dotted(key)}: {message}" for key, message in find_retired(raw)]
    if retired:
        raise ConfigError("\n".join(retired))
    plugins = raw.get("plugins") if isinstance(raw.get("plugins"), list) else []
    try:
        load_plugins(p for p in plugins or () if isinstance(p, str))
        raw = lay_out(raw)
        return Config.model_validate(raw)
    except PluginError as error:
        raise ConfigError(f"{where(('plugins',))}: {error}") from None
    except GridError as error:
        raise ConfigError(f"{where(error.key)}: {_dotted(error.key)}: {error}") from None
    except ValidationError as error:
        lines = [_describe(fault, raw, where) for fault in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def _describe(fault: Mapping[str, Any], raw: Any, where: Callable[[Key], str]) -> str:
    key = _written(fault["loc"], raw, absent_last=fault["type"] == "missing")
    message = fault["msg"].removeprefix("Value error, ")
    match fault["type"]:
        case "extra_forbidden":
            message = "unknown key; remove it or correct its spelling (config/schema.json)"
        case "missing":
            message = "required key is missing"
        case "string_pattern_mismatch" if "A-Za-z0-9" in message:
            message = "write letters, digits, '.', '_' and '-', a letter or digit first"
        case "string_type" | "model_type" | "dict_type" if fault["input"] is None:
            message = "is empty; remove it or fill it in"
        case "string_type" if not isinstance(fault["input"], list | dict):
            message = "should be text; put it in quotes"
        case "union_tag_not_found":
            message = "required key kind is missing"
        case "union_tag_invalid":
            known = fault["ctx"]["expected_tags"].replace("'", "")
            message = f"there is no kind '{fault['ctx']['tag']}'; known: {known}"
    return f"{where(key)}: {_dotted(key)}: {message}" if key else f"{where(key)}: {message}"


def _written(location: Key, raw: Any, *, absent_last: bool) -> Key:
    """Location as it was written: pydantic inserts the kinds by which it tells unions apart."""
    key: list[str | int] = []
    entered = False
    for index, part in enumerate(location):
        # a kind that is called like one of its keys, as the data set's force_field
        is_kind = entered and isinstance(raw, Mapping) and raw.get("kind") == part
        entered = False
        if is_kind:
            continue
        there = (
            part in raw
            if isinstance(raw, Mapping)
            else isinstance(raw, list) and isinstance(part, int)
        )
        if there:
            raw, entered = raw[part], True
        if there or (absent_last and index == len(location) - 1):
            key.append(part)
    return key


def _dotted(key: Key) -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in key).lstrip(".")


def schema() -> str:
    """JSON schema of the configuration, as kept in `config/schema.json`."""
    return json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False) + "\n"
