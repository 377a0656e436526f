"""The state of one group: its events in order, each once, within bounds."""

from __future__ import annotations

from bisect import bisect_left

import msgspec

from services.monitoring.domain.model import Alert, Entry
from services.monitoring.domain.rules import EVIDENCE_AT_EACH_END

SEPARATOR = "\x1f"
"""Joins the values of a group's key; no value has it in it."""


class UnkeyedError(Exception):
    """An event lacks a field to group by: it belongs to nobody, and is never put together with other such events."""


class Interval(msgspec.Struct):
    """The time in which an activation was live, as far as it is known: its start and its end come as two events."""

    started: Entry | None = None
    ended: Entry | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    """The planned end, or the earlier one at which it was ended."""


class Group(msgspec.Struct):
    """What a rule knows of one group."""

    entries: list[Entry] = []
    """What is counted or judged, in order."""
    states: list[Entry] = []
    """Changes of state to join with, in order."""
    related: list[Entry] = []
    """What explains an alert without being counted, in order."""
    intervals: dict[str, Interval] = {}
    """Intervals to join with, by their key."""
    standing: dict[str, Alert] = {}
    """The alerts that are out, by id."""
    closed_until_ms: int = -1
    """Episodes up to here are over; they are not raised again while their events are still kept."""
    dropped: int = 0
    """Events that a limit made it forget: the count stays exact, evidence and late arrivals do not."""
    dirty: bool = False
    """Whether the episodes are to be looked at again at the next tick."""


class Owned(msgspec.Struct):
    """What is known of a credential: its owners in order, and its latest uses."""

    owners: list[tuple[Entry, str]] = []
    uses: list[tuple[Entry, str | None]] = []
    """Each with the principal that presented the credential, if the event says so."""


class Groups(msgspec.Struct):
    """All groups of one rule in one tenant, the least recently used first."""

    by_key: dict[str, Group] = {}
    credentials: dict[str, Owned] = {}
    """Only of the rule that follows credentials to their owners."""

    def of(self, key: str) -> Group:
        """Return the group of that key, new if need be, as the one used last."""
        group = self.by_key.pop(key, None) or Group()
        self.by_key[key] = group
        return group

    def bound(self, *, most: int) -> int:
        """Drop the least recently used groups that have no standing alert; return how many."""
        surplus = len(self.by_key) - most
        if surplus <= 0:
            return 0
        victims = [key for key, group in self.by_key.items() if not group.standing][:surplus]
        for key in victims:
            del self.by_key[key]
        return len(victims)


def add(entries: list[Entry], entry: Entry) -> bool:
    """Put the event in its place; return False if it is there already (same time, source and id)."""
    if not entries or entries[-1][:3] < entry[:3]:
        entries.append(entry)
        return True
    at = bisect_left(entries, entry[:3])
    if at < len(entries) and entries[at][:3] == entry[:3]:
        return False
    entries.insert(at, entry)
    return True


def discard(entries: list[Entry], entry: Entry) -> bool:
    """Take the event out; return False if a limit has made the group forget it before."""
    at = bisect_left(entries, entry[:3])
    if at == len(entries) or entries[at][:3] != entry[:3]:
        return False
    del entries[at]
    return True


def knows(entries: list[Entry], entry: Entry) -> bool:
    """Say whether that source and id is there at any time: a clamped time differs at each arrival."""
    return any(one.id == entry.id and one.source == entry.source for one in entries)


def forget_before(entries: list[Entry], horizon_ms: int) -> None:
    """Drop the events before that time."""
    del entries[: bisect_left(entries, (horizon_ms,))]


def bound(group: Group, *, most: int) -> None:
    """Keep the first events (evidence, and the alert's identity) and the newest half; count the others."""
    if len(group.entries) > most:
        cut = len(group.entries) - most // 2
        group.dropped += cut - EVIDENCE_AT_EACH_END
        del group.entries[EVIDENCE_AT_EACH_END:cut]


def state_at(states: list[Entry], at_ms: int) -> Entry | None:
    """Return the newest change of state at or before that time."""
    index = bisect_left(states, (at_ms + 1,))
    return states[index - 1] if index else None
