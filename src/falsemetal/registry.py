"""Kinds by name: the built-in ones and those that plugins add."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Entries by name, in the order of their registration.

    Parameters
    ----------
    what
        What the entries are, for messages.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> T:
        """Register an entry; ValueError where the name is taken."""
        if name in self._entries and self._entries[name] is not entry:
            raise ValueError(f"{self._what} '{name}' is registered already; choose another name")
        self._entries[name] = entry
        return entry

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except KeyError:
            known = ", ".join(self._entries)
            raise KeyError(f"there is no {self._what} '{name}'; known: {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


K = TypeVar("K", bound=BaseModel)


class KindRegistry(Registry[type[K]]):
    """Kinds of one sort of section, told apart by their key `kind`.

    In a section, ``Annotated[Base, registry]`` is a field of any of them.
    """

    def register(self, name: str) -> Callable[[type[K]], type[K]]:
        """Class decorator that adds a kind whose field `kind` has this value."""
        return lambda kind: self.add(name, kind)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        choices = {name: handler.generate_schema(kind) for name, kind in self.items()}
        return core_schema.tagged_union_schema(choices, discriminator="kind")
