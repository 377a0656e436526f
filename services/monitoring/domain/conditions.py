"""What a Sigma rule says of one event: a tree of tests on fields, pure data; `predicates` makes functions of it.

Semantics of the Sigma specification v2: text compares without regard to case, a field that is a list holds if one of
its elements does, a field that is missing is null and equals nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Literal, Protocol


class Pattern(Protocol):
    """A compiled regular expression, such as google-re2's, which takes linear time."""

    def search(self, text: str) -> object | None:
        """Return something if it occurs in the text."""


@dataclass(frozen=True)
class Text:
    """Equals the text; `*` and `?` of the rule are wildcards, kept here as None and False between the literal parts."""

    parts: tuple[str | bool | None, ...]
    """Literal text, None for any run of characters, False for exactly one."""
    is_cased: bool = False

    @property
    def literal(self) -> str | None:
        """The text without any wildcard, None if there is one."""
        if not self.parts:
            return ""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], str) else None


@dataclass(frozen=True)
class Number:
    """Equals the number, also where the event has it as text."""

    number: int | float


@dataclass(frozen=True)
class Flag:
    """Equals the boolean, also where the event has it as text."""

    value: bool


@dataclass(frozen=True)
class Null:
    """The field is missing or null."""


@dataclass(frozen=True)
class Exists:
    """The field is there, whatever its value, or is not."""

    is_there: bool


@dataclass(frozen=True)
class Comparison:
    """`lt`, `lte`, `gt` or `gte` a number."""

    operator: str
    number: int | float


@dataclass(frozen=True)
class Network:
    """An address in the network."""

    network: IPv4Network | IPv6Network


@dataclass(frozen=True)
class Expression:
    """A regular expression occurs in the text."""

    pattern: Pattern = field(repr=False)
    """It shows its place in memory: what is hashed or compared as text has the source alone."""
    source: str
    """With its flags."""


@dataclass(frozen=True)
class SameAs:
    """Equals another field of the same event without regard to case; or begins with it, ends with it, contains it."""

    field: str
    how: Literal["equals", "begins", "ends", "contains"] = "equals"


@dataclass(frozen=True)
class TimePart:
    """A part of a time, in UTC: `minute`, `hour`, `day`, `week`, `month` or `year`."""

    part: str
    number: int


Check = Text | Number | Flag | Null | Exists | Comparison | Network | Expression | SameAs | TimePart


@dataclass(frozen=True)
class Test:
    """One check of one field; without a field it holds if it does for any value in the event."""

    field: str | None
    check: Check


@dataclass(frozen=True)
class Every:
    """All of it holds."""

    of: tuple[Condition, ...]


@dataclass(frozen=True)
class Some:
    """One of it holds."""

    of: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """It does not hold."""

    of: Condition


Condition = Test | Every | Some | Not


def leaves(condition: Condition) -> Iterator[Test]:
    """Yield every test in the condition."""
    match condition:
        case Test():
            yield condition
        case Every(parts) | Some(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)


def fields_of(condition: Condition) -> frozenset[str | None]:
    """Return every field that is looked at; None stands for the whole event."""
    tests = list(leaves(condition))
    others = {test.check.field for test in tests if isinstance(test.check, SameAs)}
    return frozenset({test.field for test in tests} | others)
