"""The kinds of rules, as data: what matches, how matches are grouped, and what about them is an alert."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from services.monitoring.domain.model import Technique

EVIDENCE_AT_EACH_END = 32
"""An alert shows this many of its first and of its last events."""

QUIET = timedelta(minutes=30)
"""An episode is over when nothing more came for so long."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """Events of one type whose fields have one of the listed values; `role` says what they are to the rule."""

    type: str
    role: str
    where: tuple[tuple[str, tuple[object, ...]], ...] = ()
    present: str | None = None
    """A field that must have a value."""

    def predicate(self) -> Callable[[Any], bool]:
        """Return a function of the event's data; the common cases avoid a loop."""
        if self.present is not None:
            return self._with_present(self.present)
        if not self.where:
            return _always
        if len(self.where) == 1:
            (name, values), *_ = self.where
            return lambda data: getattr(data, name, None) in values
        conditions = self.where
        return lambda data: all(getattr(data, name, None) in values for name, values in conditions)

    def _with_present(self, name: str) -> Callable[[Any], bool]:
        rest = Match(type=self.type, role=self.role, where=self.where).predicate()
        return lambda data: getattr(data, name, None) is not None and rest(data)


def _always(_: object) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What every rule says of itself."""

    id: str
    number: int
    """Its number in the catalogue of detections."""
    title: str
    severity: str
    attack: tuple[Technique, ...]
    summary: str
    """A sentence with the group's fields, `{value}`, `{threshold}` and `{window}` to be filled in."""
    group_by: tuple[str, ...]
    matches: tuple[Match, ...]
    quiet: timedelta = QUIET

    @cached_property
    def version(self) -> str:
        """First 12 hex digits of the SHA-256 of the definition: another definition is another version."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True)
class EventCount(Rule):
    """At least `threshold` matches of a group within `(t - window, t]`."""

    threshold: int
    window: timedelta


@dataclass(frozen=True, kw_only=True)
class Ordered(Rule):
    """At least `threshold` matches of role `first` within `window`, then one of role `then` at most `within` later."""

    threshold: int
    window: timedelta
    within: timedelta
    first: str
    then: str


@dataclass(frozen=True, kw_only=True)
class FirstSeen(Rule):
    """A match with none of the same group in the time `memory` before it."""

    memory: timedelta


@dataclass(frozen=True, kw_only=True)
class OutsideActivation(Rule):
    """A privileged action for which no activation is live and no assignment stands at its time."""

    skew: timedelta


@dataclass(frozen=True, kw_only=True)
class DisabledIdentity(Rule):
    """A use of, or by, an identity that was deactivated at the time of the use."""
