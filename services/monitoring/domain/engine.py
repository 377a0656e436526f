"""The engine of one partition: events in any order in, the same set of alerts out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from services.monitoring.domain import alerting
from services.monitoring.domain.disabled import SKEW_MS, DisabledTracker
from services.monitoring.domain.groups import Group, Groups, UnkeyedError, bound, knows
from services.monitoring.domain.model import Change, Entry, Fact
from services.monitoring.domain.pack import PACK
from services.monitoring.domain.rules import DisabledIdentity, EventCount, FirstSeen, Ordered, OutsideActivation, Rule
from services.monitoring.domain.trackers import (
    ActivationTracker,
    CountTracker,
    FirstSeenTracker,
    OrderedTracker,
    Tracker,
    milliseconds,
)

_TRACKERS: dict[type[Rule], type[Tracker[Any]]] = {
    EventCount: CountTracker,
    Ordered: OrderedTracker,
    FirstSeen: FirstSeenTracker,
    OutsideActivation: ActivationTracker,
    DisabledIdentity: DisabledTracker,
}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much is remembered. A tenant that reaches a limit forgets its own, never another's."""

    lateness: timedelta = timedelta(minutes=5)
    """How late an event may come by its own source's clock and still count (NUXARI.md, numbers)."""
    idle: timedelta = timedelta(minutes=10)
    """A source that is silent for so long does not hold time back for the others."""
    future: timedelta = timedelta(minutes=5)
    """An event further ahead of its arrival than this is moved to its arrival: one bad clock must not stop time."""
    groups: int = 100_000
    """Per tenant and rule."""
    events: int = 10_000
    """Per group."""


class _Source(msgspec.Struct):
    newest_ms: int
    heard_ms: int


class _Tenant(msgspec.Struct):
    sources: dict[str, _Source] = {}
    """By topic and source: within both, order of arrival is the same for whoever reads."""
    rules: dict[str, Groups] = {}


class _Snapshot(msgspec.Struct):
    versions: dict[str, str]
    tenants: dict[str, _Tenant]


_Interest = tuple[Callable[[Any], bool], Tracker[Any], str]


class Engine:
    """Holds every tenant of one partition."""

    def __init__(self, rules: Sequence[Rule] = PACK, *, limits: Limits | None = None) -> None:
        self.counters: Counter[str] = Counter()
        self._limits = limits or Limits()
        self._lateness_ms = milliseconds(self._limits.lateness)
        self._future_ms = milliseconds(self._limits.future)
        self._trackers = {rule.id: _TRACKERS[type(rule)](rule) for rule in rules}
        self._interests = _interests(self._trackers.values())
        self._tenants: dict[str, _Tenant] = {}
        self._dirty: dict[tuple[str, str, str], None] = {}

    def observe(self, fact: Fact) -> list[Change]:
        """Take one event in and return what it changes; positive rules fire at once, the same event counts once."""
        self.counters["observed"] += 1
        tenant = self._tenants.get(fact.tenant)
        if tenant is None:
            tenant = self._tenants[fact.tenant] = _Tenant()
        time_ms, is_skewed = self._event_time(fact)
        is_late = self._note_source(tenant, fact, time_ms)
        changes: list[Change] = []
        for holds, tracker, role in self._interests.get(fact.type, ()):
            if holds(fact.data) and (not is_late or tracker.is_single_event):
                changes += self._match(tenant, fact, tracker, _entry(fact, time_ms, role), is_skewed=is_skewed)
        return changes

    def advance(self) -> list[Change]:
        """Look at what was put off, so that a flood announces once a tick and not once an event."""
        dirty, self._dirty = self._dirty, {}
        changes: list[Change] = []
        for tenant_id, rule_id, key in dirty:
            group = self._tenants[tenant_id].rules[rule_id].by_key.get(key)
            if group is not None:
                changes += self._look(tenant_id, self._trackers[rule_id], key, group)
        return changes

    def sweep(self, *, now_ms: int) -> list[Change]:
        """Close quiet episodes and forget what nothing can need; called every few seconds."""
        return [change for tenant_id in list(self._tenants) for change in self._sweep_tenant(tenant_id, now_ms)]

    def snapshot(self) -> bytes:
        """Return all of the state, to be restored by this version of the rules or another."""
        versions = {rule_id: tracker.rule.version for rule_id, tracker in self._trackers.items()}
        return msgspec.msgpack.encode(_Snapshot(versions, self._tenants))

    @classmethod
    def restore(cls, data: bytes, *, rules: Sequence[Rule] = PACK, limits: Limits | None = None) -> Engine:
        """Return an engine with that state; the state of a rule that has changed since is dropped and counted."""
        engine = cls(rules, limits=limits)
        kept = msgspec.msgpack.decode(data, type=_Snapshot)
        current = {rule_id: tracker.rule.version for rule_id, tracker in engine._trackers.items()}
        changed = {rule_id for rule_id, version in kept.versions.items() if current.get(rule_id) != version}
        for tenant in kept.tenants.values():
            for rule_id in changed & tenant.rules.keys():
                del tenant.rules[rule_id]
                engine.counters["dropped_rule_states"] += 1
        engine._tenants = kept.tenants
        engine._dirty = {
            (tenant_id, rule_id, key): None
            for tenant_id, tenant in kept.tenants.items()
            for rule_id, groups in tenant.rules.items()
            for key, group in groups.by_key.items()
            if group.dirty
        }
        return engine

    def _event_time(self, fact: Fact) -> tuple[int, bool]:
        if fact.time_ms > fact.ingested_ms + self._future_ms:
            self.counters["skewed"] += 1
            return fact.ingested_ms, True
        return fact.time_ms, False

    def _note_source(self, tenant: _Tenant, fact: Fact, time_ms: int) -> bool:
        """Advance the source's time and say whether the event is too late by it."""
        key = f"{fact.topic} {fact.source}"  # two topics of one source are read one ahead of the other
        source = tenant.sources.get(key)
        if source is None:
            tenant.sources[key] = _Source(time_ms, fact.ingested_ms)
            return False
        source.heard_ms = fact.ingested_ms
        if time_ms > source.newest_ms:
            source.newest_ms = time_ms
        elif time_ms < source.newest_ms - self._lateness_ms:
            self.counters["late"] += 1
            return True
        return False

    def _match(
        self, tenant: _Tenant, fact: Fact, tracker: Tracker[Any], entry: Entry, *, is_skewed: bool
    ) -> Iterator[Change]:
        self.counters["matched"] += 1
        groups = tenant.rules.get(tracker.rule.id)
        if groups is None:
            groups = tenant.rules[tracker.rule.id] = Groups()
        if is_skewed and any(knows(group.entries, entry) for group in groups.by_key.values()):
            return
        try:
            for key in tracker.touch(groups, fact, entry):
                yield from self._consider(fact.tenant, tracker, key, groups.by_key[key], entry)
        except UnkeyedError:
            self.counters["unkeyed"] += 1
        if len(groups.by_key) > self._limits.groups:
            self.counters["evicted_groups"] += groups.bound(most=self._limits.groups)

    def _consider(
        self, tenant_id: str, tracker: Tracker[Any], key: str, group: Group, entry: Entry
    ) -> Iterator[Change]:
        """Look at the group now if a new alert may stand; what only prolongs a standing one waits for the tick."""
        bound(group, most=self._limits.events)
        if any(entry.time_ms <= alert.last_seen_ms + tracker.quiet_ms for alert in group.standing.values()):
            if tracker.is_join:
                yield from self._look(tenant_id, tracker, key, group)
                return
            group.dirty = True
            self._dirty[tenant_id, tracker.rule.id, key] = None
            return
        yield from self._look(tenant_id, tracker, key, group)

    def _look(self, tenant_id: str, tracker: Tracker[Any], key: str, group: Group) -> Iterator[Change]:
        group.dirty = False
        yield from alerting.difference(tenant_id, tracker, key, group)

    def _sweep_tenant(self, tenant_id: str, now_ms: int) -> Iterator[Change]:
        tenant = self._tenants[tenant_id]
        horizon_ms = self._horizon(tenant, now_ms)
        for rule_id, groups in tenant.rules.items():
            tracker = self._trackers[rule_id]
            for key, group in list(groups.by_key.items()):
                yield from alerting.close_quiet(group, quiet_ms=tracker.quiet_ms, horizon_ms=horizon_ms)
                if not group.standing and not group.dirty and tracker.forget(group, horizon_ms):
                    del groups.by_key[key]
            _forget_credentials(groups, horizon_ms)

    def _horizon(self, tenant: _Tenant, now_ms: int) -> int:
        """Return the time before which nothing more can come: the slowest source that still speaks decides.

        `now_ms` is when Kafka took the newest of what was read, if there is more; so a source is silent in a backlog
        as it was when the backlog was written.
        """
        idle_ms = milliseconds(self._limits.idle)
        speaking = [source.newest_ms for source in tenant.sources.values() if now_ms - source.heard_ms <= idle_ms]
        return min([now_ms, *speaking]) - self._lateness_ms


def _interests(trackers: Iterable[Tracker[Any]]) -> dict[str, tuple[_Interest, ...]]:
    """Index what the rules look for by event type, so that an event meets only rules that can match."""
    found: dict[str, tuple[_Interest, ...]] = {}
    for tracker in trackers:
        for match in tracker.rule.matches:
            found[match.type] = (*found.get(match.type, ()), (match.predicate(), tracker, match.role))
    return found


def _entry(fact: Fact, time_ms: int, role: str) -> Entry:
    return Entry(time_ms, fact.source, fact.id, role, fact.topic, fact.partition, fact.offset, fact.type)


def _forget_credentials(groups: Groups, horizon_ms: int) -> None:
    """Forget uses that no late word on an owner can concern; who owns a credential is kept."""
    for credential, known in list(groups.credentials.items()):
        known.uses = [(use, who) for use, who in known.uses if use.time_ms >= horizon_ms - SKEW_MS]
        if not known.uses and not known.owners:
            del groups.credentials[credential]
