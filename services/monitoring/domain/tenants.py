"""What the engine knows of one tenant: its clocks, its groups, what is to be looked at."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice

import msgspec

from services.monitoring.domain.limits import Limits
from services.monitoring.domain.model import Fact
from services.monitoring.domain.program import Program, Ready
from services.monitoring.domain.selfwatch import Watch
from services.monitoring.domain.state import Entry, Group, Groups, KeptGroups, Names

_MOST_CLAMPED = 10_000
"""Events from the future whose first arrival is remembered."""


class Kept(msgspec.Struct):
    """A tenant's part of a snapshot."""

    sources: dict[str, Watch]
    rules: dict[str, KeptGroups]
    clamped: dict[str, int]
    names: list[str]
    horizon_ms: int


class Tenant:
    """One tenant of a partition."""

    def __init__(self, name: str, program: Program) -> None:
        self.name = name
        self.program = program
        self.sources: dict[str, Watch] = {}
        """By topic and source: within both, order of arrival is the same for whoever reads."""
        self.rules: dict[str, Groups] = {}
        self.names = Names()
        self.horizon_ms = -1
        """Nothing in time can come from before."""
        self.touched: dict[int, dict[str, None]] = {}
        """Groups to be looked at, by the rule's place."""
        self.timers: list[tuple[int, str, str]] = []
        """When something that is missing will be certain to be: time, rule and group."""
        self._deferred: dict[tuple[str, str], None] = {}
        self._clamped: dict[str, int] = {}
        self._asleep: dict[str, Iterator[str]] = {}

    @classmethod
    def of(cls, name: str, kept: Kept, program: Program) -> Tenant:
        """Return the tenant as it was kept."""
        tenant = cls(name, program)
        tenant.sources, tenant._clamped = kept.sources, kept.clamped
        tenant.rules = {rule: Groups(groups.shape, groups.by_key) for rule, groups in kept.rules.items()}
        tenant.names, tenant.horizon_ms = Names(kept.names), kept.horizon_ms
        return tenant

    def kept(self) -> Kept:
        """Return what a snapshot keeps."""
        rules = {rule: KeptGroups(groups.shape, groups.by_key) for rule, groups in self.rules.items()}
        return Kept(self.sources, rules, self._clamped, self.names.texts, self.horizon_ms)

    def adopt(self, program: Program) -> int:
        """Go on with another program: state of rules of the same shape stays; return how many rules lost theirs."""
        shapes = {one.rule.head.id: one.shape for one in program.ready}
        lost = [rule for rule, groups in self.rules.items() if shapes.get(rule) != groups.shape]
        for rule in lost:
            del self.rules[rule]
        self.program = program
        self.timers.clear()
        self._deferred.clear()
        self._asleep.clear()
        self.touched = {}
        for ready in program.ready:
            groups = self.rules.get(ready.rule.head.id)
            keys = [] if groups is None else [k for k, group in groups.by_key.items() if _is_open(ready, group)]
            if keys:
                self.touched[ready.place] = dict.fromkeys(keys)
        return len(lost)

    def clamped(self, fact: Fact) -> int:
        """Return when an event from the future arrived first: at each arrival the same."""
        key = f"{fact.source} {fact.id}"
        if key not in self._clamped and len(self._clamped) >= _MOST_CLAMPED:
            del self._clamped[next(iter(self._clamped))]
        return self._clamped.setdefault(key, fact.ingested_ms)

    def note_horizon(self, now_ms: int, limits: Limits) -> None:
        """Let time go on: nothing can come from before what the slowest source that still speaks has shown.

        `now_ms` is when Kafka took the newest of what was read, if there is more; so a source is silent in a backlog
        as it was when the backlog was written.
        """
        speaking = [
            source.newest_ms - limits.lateness_of(key.split(" ", 1)[1])
            for key, source in self.sources.items()
            if now_ms - source.heard_ms <= limits.idle_ms
        ]
        self.horizon_ms = max(self.horizon_ms, min([now_ms - limits.lateness_of(""), *speaking]))

    def put(self, ready: Ready, key: str, entry: Entry, limits: Limits) -> Groups:
        """Put the event into the group and note whether that is to be looked at; return the rule's groups."""
        rule = ready.rule.head.id
        groups = self.rules.get(rule)
        if groups is None:
            groups = self.rules[rule] = Groups(ready.shape)
        group = groups.of(key, self.names)
        group.touched = True
        if group.add(entry):
            if len(group.entries) > limits.events:
                group.bound(most=limits.events)
            if ready.quick(group.entries, entry):
                self._note(ready, key, group, entry)
        return groups

    def touch(self, ready: Ready, key: str) -> None:
        """Have the group looked at."""
        self.touched.setdefault(ready.place, {})[key] = None

    def wake_deferred(self) -> bool:
        """Have everything looked at that was put off or whose time has come; return whether there is anything."""
        for rule, key in self._deferred:
            self.touch(self.program.ready[self.program.place_of[rule]], key)
        self._deferred.clear()
        while self.timers and self.timers[0][0] <= self.horizon_ms:
            _, rule, key = heapq.heappop(self.timers)
            self.touch(self.program.ready[self.program.place_of[rule]], key)
        return bool(self.touched)

    def await_until(self, ready: Ready, key: str, due_ms: int) -> None:
        """Have the group looked at when nothing in time can come from before then."""
        heapq.heappush(self.timers, (due_ms, ready.rule.head.id, key))

    def awaits(self, ready: Ready, key: str) -> bool:
        """Say whether the group is still to be looked at."""
        return (ready.rule.head.id, key) in self._deferred or key in self.touched.get(ready.place, ())

    def above_ms(self, ready: Ready) -> int:
        """Return how far back the rules above this one may look."""
        above = self.program.above[ready.place]
        return max((self.program.ready[one.correlation].keep_ms for one in above), default=0)

    def next_asleep(self, ready: Ready, groups: Groups, *, most: int) -> list[str]:
        """Return the keys of some groups; the ones after them at the next call."""
        rule = ready.rule.head.id
        found = list(islice(self._asleep.get(rule, iter(())), most))
        if not found and groups.by_key:
            keys = [key for key, group in groups.by_key.items() if isinstance(group, bytes)]
            self._asleep[rule] = iter(keys)
        return found

    def _note(self, ready: Ready, key: str, group: Group, entry: Entry) -> None:
        """Look at the group at once if a new alert may stand; what only prolongs a standing one waits for the tick."""
        if not ready.is_join and any(
            entry.time_ms <= alert.last_seen_ms + ready.quiet_ms for alert in group.standing.values()
        ):
            self._deferred[ready.rule.head.id, key] = None
        else:
            self.touch(ready, key)


def _is_open(ready: Ready, group: Group | bytes) -> bool:
    """Say whether another program may say something else of the group, or wait for something in it."""
    return ready.is_absence or not isinstance(group, bytes)
