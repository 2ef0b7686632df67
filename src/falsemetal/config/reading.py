"""Configuration files as they are written: their merged content and the line of each key."""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from falsemetal.files import expand

ODD_SPACE = re.compile(r"[\u00a0\u1680\u2000-\u200b\u202f\u205f\u2060\u3000\ufeff]")
# of YAML 1.2; YAML 1.1, which PyYAML reads, takes 1e-4 and 1.0e4 for text
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
EXAMPLES = "see config/ for examples"
FIXES = {
    r"'\\t'": "indent and separate by spaces: YAML takes no tabs",
    r"expected ',' or|content, .*stream end": "close this bracket, or add the comma it lacks",
    r"quoted scalar, .*end of stream": "close this quote",
    r"could not find expected ':'": "write 'key: value', with a space after the colon",
    r"mapping values": "align this line with its neighbours, or put text with a colon in quotes",
    r"block end.*('<scalar>'|'[]},]')": "put this text in quotes, or remove what follows its end",
    r"block end|document start|sequence entries": "align this line with its neighbours",
    r"escape character": "write text with a backslash in single quotes",
    r"alphabetic|undefined alias|start any token|unhashable": "put the text in quotes",
    r"another document": "keep one document, without '---'",
    r"constructor for": "remove the tag; settings are plain YAML",
}
"""How to fix what PyYAML says, by a pattern of its words."""


class ReadingError(ValueError):
    """Files that cannot be read; each line of the message names file, line and how to fix it."""


@dataclass(frozen=True)
class Configuration:
    """Merged `content` of configuration files; `source`: their paths as given, joined by ", "."""

    content: dict[str, Any]
    source: str
    _places: Mapping[tuple[str, ...], str] = field(repr=False)

    def place(self, key: Sequence[str | int]) -> str | None:
        """Tell where a key, or else its nearest parent, is set: ``FILE:LINE`` of the last file.

        `key` is names from the top level down, and indices in lists; None where no part is set.
        """
        names = tuple(map(str, key))
        parents = (names[:depth] for depth in range(len(names), 0, -1))
        return next((self._places[parent] for parent in parents if parent in self._places), None)


def read_configuration(paths: Sequence[str | Path]) -> Configuration:
    """Read YAML files and merge them, each on top of those before it.

    Mappings merge key by key, as Snakemake's do; anything else replaces what stood there.

    Raises
    ------
    ReadingError
        One line per fault, of all files.
    """
    content: dict[str, Any] = {}
    places: dict[tuple[str, ...], str] = {}
    faults: list[str] = []
    read: set[Path] = set()
    for path in map(Path, paths):
        try:
            loader = _Loader(_read_text(path, read), path, places, faults)
            content = merge(content, loader.read())
        except ReadingError as error:
            faults.append(str(error))
    if faults:
        raise ReadingError("\n".join(faults))
    return Configuration(content, ", ".join(map(str, paths)), places)


def merge(lower: Any, upper: Any) -> Any:
    """Lay a mapping over another, key by key; another kind, or anything else, replaces it."""
    if not (isinstance(lower, dict) and isinstance(upper, dict)):
        return upper
    if "kind" in upper and upper["kind"] != lower.get("kind", upper["kind"]):
        return upper
    # not in place: aliases let several keys share a mapping
    return lower | {key: merge(lower.get(key), value) for key, value in upper.items()}


def _read_text(path: Path, read: set[Path]) -> str:
    try:
        file = expand(path).resolve()
        raw = file.read_bytes()
    except FileNotFoundError:
        raise ReadingError(f"{path}: no such file; {EXAMPLES}") from None
    except OSError as error:  # a folder, no permission
        raise ReadingError(f"{path}: {error.strerror}; name a YAML file you may read") from None
    if file in read:
        raise ReadingError(f"{path}: given twice; name each file once")
    read.add(file)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ReadingError(f"{path}:{line}: not UTF-8; save it as UTF-8") from None
    if control := yaml.SafeLoader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, control.start()) + 1
        raise ReadingError(f"{path}:{line}: {control[0]!a} is no text; save it as UTF-8")
    return text


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses what misleads and notes where each key is set."""

    def __init__(
        self, text: str, path: Path, places: dict[tuple[str, ...], str], faults: list[str]
    ) -> None:
        super().__init__(text)
        self.name = str(path)  # which marks carry
        self.lines = text.splitlines()
        self.places, self.faults = places, faults

    def read(self) -> dict[str, Any]:
        try:
            root = self.get_single_node()
            if root is None or root.tag.endswith(":null"):
                raise ReadingError(f"{self.name}: is empty; {EXAMPLES}")
            if not isinstance(root, yaml.MappingNode):
                fault = "expected a mapping of keys at the top level"
                raise ReadingError(f"{_place(root)}: {fault}; {EXAMPLES}")
            for name, item in root.value:
                if item.tag.endswith(":null") and not item.value:  # null and ~ are meant
                    self._report(name, "is empty; remove it or give its keys")
            content: dict[str, Any] = self.construct_document(root)
            self._note(root, root, ())
            return content
        except yaml.MarkedYAMLError as error:
            raise ReadingError(self._explain(error)) from None

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        if node.style is None and (odd := ODD_SPACE.search(node.value)):
            fix = "type a plain space, or put a value that is to keep it in quotes"
            self._report(node, f"the odd space U+{ord(odd[0]):04X} is text to YAML; {fix}")
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        mapping = super().compose_mapping_node(anchor)
        first: dict[Hashable, int] = {}
        for node, _ in mapping.value:
            merges = node.tag.endswith(":merge")
            name = node.value if merges else self.construct_object(node, deep=True)
            if not isinstance(name, Hashable):
                raise ConstructorError(None, None, "found an unhashable key", node.start_mark)
            if name in first:
                self._report(node, f"given in line {first[name]} already; remove one")
            first.setdefault(name, node.start_mark.line + 1)
        return mapping

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError) as error:  # of the date 2024-13-45
            raise ConstructorError(None, None, str(error), node.start_mark) from None

    def _note(self, start: yaml.Node, node: yaml.Node, names: tuple[str, ...]) -> None:
        if len(names) > 50:
            raise ConstructorError(
                None, None, "nested too deeply, by an alias of itself?", start.start_mark
            )
        if not isinstance(node, yaml.MappingNode):  # it replaces what was below these names
            for old in [old for old in self.places if old[: len(names)] == names]:
                del self.places[old]
        self.places[names] = _place(start)
        if isinstance(node, yaml.MappingNode):
            # of a name that is merged and given, the latter
            last = {str(self.construct_object(name)): (name, item) for name, item in node.value}
            for name, (place, item) in last.items():
                self._note(place, item, (*names, name))
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._note(item, item, (*names, str(index)))

    def _report(self, node: yaml.Node, fault: str) -> None:
        self.faults.append(f"{_place(node)}: {node.value}: {fault}")

    def _explain(self, error: yaml.MarkedYAMLError) -> str:
        said = ", ".join(filter(None, (error.context, error.problem)))
        mark: Any = error.context_mark if "scanning a" in said else error.problem_mark
        if self.marks and re.search("stream end|expected ','", said):
            mark = self.marks[-1]  # of the bracket
        number = min(mark.line + 1, len(self.lines))
        fix = next((fix for words, fix in FIXES.items() if re.search(words, said)), EXAMPLES)
        if odd := ODD_SPACE.search(self.lines[number - 1]):
            fix = f"type a plain space instead of the odd U+{ord(odd[0]):04X}"
        return f"{self.name}:{number}: {fix} ({said})"


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+.0123456789"))


def _place(node: yaml.Node) -> str:
    return f"{node.start_mark.name}:{node.start_mark.line + 1}"
