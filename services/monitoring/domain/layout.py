"""Where an event's fields are in memory: expressions of Python that read them, for whoever writes functions.

An event is a dictionary, or a struct of the fields that are asked for and nothing else, which decodes in half the time.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Protocol

import msgspec
from msgspec import UNSET

from services.monitoring.domain import fields
from services.monitoring.domain.fields import Read, along


class Layout(Protocol):
    """How fields are read from an event."""

    @property
    def names(self) -> dict[str, Any]:
        """What the expressions refer to."""

    def parent(self, field: str) -> str | None:
        """Return an expression for what `code` reads the field from, if it is worth keeping for other fields."""

    def code(self, field: str, *, parent: str | None = None) -> str:
        """Return an expression for the field's value in the event `e`, None where it is missing."""

    def presence(self, field: str) -> str:
        """Return an expression for whether the event `e` has the field."""

    def reader(self, field: str) -> Read:
        """Return what reads the field from an event."""


class Dictionaries:
    """Events as they come out of any JSON decoder."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}

    def parent(self, _: str) -> str | None:
        """Return None: every field is read from the event."""
        return None

    def code(self, field: str, *, parent: str | None = None) -> str:  # noqa: ARG002 - there is none
        """Return `e.get(...)`, or the call of a function for what may be nested."""
        return self._named(fields.reader(field)) if "." in field else f"e.get({field!r})"

    def presence(self, field: str) -> str:
        """Return the call of a function."""
        return self._named(partial(_is_there, field=field))

    def reader(self, field: str) -> Read:
        """Return what reads the field from a dictionary."""
        return fields.reader(field)

    def _named(self, function: Any) -> str:  # noqa: ANN401 - any function of an event
        name = f"read{len(self.names)}"
        self.names[name] = function
        return f"{name}(e)"


def _is_there(event: dict[str, Any], *, field: str) -> bool:
    return fields.is_there(event, field)


class _Node:
    """One key of an event: a field itself, the way to fields below it, or both."""

    def __init__(self) -> None:
        self.is_field = False
        self.is_presence = False
        """Whether it matters that the key is missing rather than null."""
        self.below: dict[str, _Node] = {}
        self.struct: type[msgspec.Struct] | None = None
        """How it decodes where only what is below matters, and it is an object."""
        self.attributes: dict[str, str] = {}


class Structs:
    """Events as structs of the fields that are asked for; what they leave out is never decoded.

    A key that is missing is None like one that is null, but for fields whose presence is asked for.
    """

    def __init__(self, asked: Iterable[str], *, presence: Iterable[str] = ()) -> None:
        self._root = _Node()
        wanted = frozenset(presence)
        for field in dict.fromkeys([*asked, *wanted]):
            self._ask(field, is_presence=field in wanted)
        self.type = _struct(self._root)
        self.names: dict[str, Any] = {"UNSET": UNSET, "MISSING": fields.MISSING}
        self._readers: dict[str, Read] = {}

    def _ask(self, field: str, *, is_presence: bool) -> None:
        """Ask for the key that has the whole name, and for the path; the whole name wins if it is there."""
        whole = self._root.below.setdefault(field, _Node())
        whole.is_field = True
        whole.is_presence |= is_presence or "." in field
        if "." in field:
            node = self._root
            for key in field.split("."):
                node = node.below.setdefault(key, _Node())
            node.is_field = True
            node.is_presence |= is_presence

    def parent(self, field: str) -> str | None:
        """Return the attribute of the object that a nested field is in."""
        first = field.split(".", maxsplit=1)[0]
        is_nested = "." in field and self._root.below[first].struct is not None
        return f"e.{self._root.attributes[first]}" if is_nested else None

    def code(self, field: str, *, parent: str | None = None) -> str:
        """Return an attribute, or for what may be nested the attributes on the way where each is an object."""
        whole = f"e.{self._root.attributes[field]}"
        if "." not in field:
            return f"(None if {whole} is UNSET else {whole})" if self._root.below[field].is_presence else whole
        slow = self._slow(field)
        first, *keys = field.split(".")
        at = parent or f"e.{self._root.attributes[first]}"
        node = self._root.below[first]
        if node.struct is None:
            return slow
        quick, test = self._way(at, node, keys)
        return f"({quick} if {test} and {whole} is UNSET else None if {at} is None and {whole} is UNSET else {slow})"

    def presence(self, field: str) -> str:
        """Return an expression that knows a key that is missing from one that is null."""
        if "." not in field:
            return f"(e.{self._root.attributes[field]} is not UNSET)"
        return f"({self._slow(field, default=fields.MISSING)} is not MISSING)"

    def reader(self, field: str) -> Read:
        """Return what reads the field from such a struct."""
        if field not in self._readers:
            source = f"lambda e: {self.code(field)}"
            self._readers[field] = eval(source, dict(self.names))  # noqa: S307 - attributes, no text of a rule
        return self._readers[field]

    def _way(self, path: str, node: _Node, keys: list[str]) -> tuple[str, str]:
        """Return the attributes on the way, and the test that each on it is an object."""
        tests = []
        for key in keys:
            kind = f"T{id(node.struct)}"
            self.names[kind] = node.struct
            tests.append(f"{path}.__class__ is {kind}" if node.struct else "False")
            path = f"{path}.{node.attributes[key]}" if node.struct else "None"
            node = node.below[key]
        return (f"(None if {path} is UNSET else {path})" if node.is_presence else path), " and ".join(tests)

    def _slow(self, field: str, *, default: Any = None) -> str:  # noqa: ANN401 - any mark
        """Return the call of a function that reads whatever stands on the way."""
        root, keys = self._root, field.split(".")
        whole = root.attributes[field]

        def read(event: msgspec.Struct) -> Any:  # noqa: ANN401 - any JSON
            found = getattr(event, whole)
            return _down(event, root, keys, default=default) if found is UNSET else found

        name = f"slow{len(self.names)}"
        self.names[name] = read
        return f"{name}(e)"


def _down(value: Any, node: _Node, keys: list[str], *, default: Any) -> Any:  # noqa: ANN401 - any JSON
    for place, key in enumerate(keys):
        if node.struct is None or value.__class__ is not node.struct:
            return default if value is UNSET else along(value, tuple(keys[place:]), default=default)
        value = getattr(value, node.attributes[key])
        node = node.below[key]
    return default if value is UNSET else value


def _struct(node: _Node, *, depth: int = 0) -> type[msgspec.Struct]:
    """Make the type of an object: a field for each key that is asked for, decoded whole if it is itself a field."""
    members: list[tuple[str, Any, Any]] = []
    for place, (key, below) in enumerate(node.below.items()):
        node.attributes[key] = f"f{place}"
        members.append((f"f{place}", _type(below, depth=depth), UNSET if below.is_presence else None))
    names = {attribute: key for key, attribute in node.attributes.items()}
    node.struct = msgspec.defstruct(f"Event{depth}", members, rename=names, gc=False)
    return node.struct


def _type(node: _Node, *, depth: int) -> Any:  # noqa: ANN401 - a type
    if node.is_field or not node.below:
        return Any
    return _struct(node, depth=depth + 1) | list[Any] | str | int | float | bool | None
