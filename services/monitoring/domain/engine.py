"""The engine of one partition: events in any order in, the same set of alerts out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import msgspec

from services.monitoring.domain.alerting import close_quiet
from services.monitoring.domain.judging import Judge
from services.monitoring.domain.limits import Limits
from services.monitoring.domain.model import Change, Fact
from services.monitoring.domain.program import Program, Ready
from services.monitoring.domain.retention import keep
from services.monitoring.domain.selfwatch import Watch, look
from services.monitoring.domain.state import SEPARATOR, Entry, Group, Groups, Place, expires_ms, packed
from services.monitoring.domain.tenants import Kept, Tenant

Programs = Callable[[str], Program]
"""Returns the program that counts for a tenant now."""

_ASLEEP_AT_ONCE = 20_000
"""Sleeping groups of a rule that one sweep looks at: a million take a few minutes, and no sweep takes long."""

_ASLEEP_LONGER_MS = 3_600_000
"""After which a sleeping group that is still needed is looked at again."""


class _Snapshot(msgspec.Struct):
    tenants: dict[str, Kept]


class Engine:
    """Holds every tenant of one partition."""

    def __init__(self, programs: Programs, *, limits: Limits | None = None) -> None:
        self.counters: Counter[str] = Counter()
        self._programs = programs
        self._limits = limits or Limits()
        self._tenants: dict[str, Tenant] = {}
        self._unsettled: dict[str, None] = {}

    def observe(self, fact: Fact) -> None:
        """Take one event in; `settle` says what it changes. The same event counts once."""
        self.counters["observed"] += 1
        tenant = self._tenants.get(fact.tenant) or self._enter(fact.tenant)
        time_ms = self._event_time(tenant, fact)
        is_late = self._note_source(tenant, fact, time_ms)
        found = tenant.program.matcher.match(fact)
        if found:
            self.counters["matched"] += 1
            self._match(tenant, fact, found, time_ms=time_ms, is_late=is_late)

    def settle(self) -> list[Change]:
        """Look at the groups that events went to since, each once, and return what changed.

        What is raised depends on when this is called, what stands in the end does not. Whoever announces calls it after
        each event: then a replay of the events raises what was raised before, and takes it back where it falls.
        """
        if not self._unsettled:
            return []
        names, self._unsettled = self._unsettled, {}
        return [change for name in names for change in Judge(self._tenants[name], self._limits, self.counters).settle()]

    def advance(self, *, now_ms: int) -> list[Change]:
        """Look at what was put off, so that a flood announces once a tick, and at what is missing by now."""
        for name, tenant in self._tenants.items():
            if tenant.timers:
                tenant.note_horizon(now_ms, self._limits)
            if tenant.wake_deferred():
                self._unsettled[name] = None
        return self.settle()

    def sweep(self, *, now_ms: int) -> list[Change]:
        """Close quiet episodes and forget what nothing can need; called every few seconds."""
        for tenant in self._tenants.values():
            tenant.note_horizon(now_ms, self._limits)
        changes = self.advance(now_ms=now_ms)
        for tenant in self._tenants.values():
            changes += self._watch(tenant, now_ms)
            for ready in tenant.program.ready:
                groups = tenant.rules.get(ready.rule.head.id)
                if groups is not None:
                    changes += self._sweep_awake(tenant, ready, groups)
                    self._sweep_asleep(tenant, ready, groups)
        return changes

    def reload(self) -> list[str]:
        """Take up programs that have changed; return the tenants for which that was so."""
        changed = []
        for name, tenant in self._tenants.items():
            program = self._programs(name)
            if program is not tenant.program:
                self.counters["dropped_rule_states"] += tenant.adopt(program)
                self._unsettled[name] = None
                changed.append(name)
        return changed

    def snapshot(self) -> bytes:
        """Return all of the state, to be restored by this version of the rules or another."""
        return msgspec.msgpack.encode(_Snapshot({name: tenant.kept() for name, tenant in self._tenants.items()}))

    @classmethod
    def restore(cls, data: bytes, programs: Programs, *, limits: Limits | None = None) -> Engine:
        """Return an engine with that state; state that the rules of today cannot go on with is dropped and counted."""
        engine = cls(programs, limits=limits)
        for name, kept in msgspec.msgpack.decode(data, type=_Snapshot).tenants.items():
            tenant = Tenant.of(name, kept, programs(name))
            engine.counters["dropped_rule_states"] += tenant.adopt(tenant.program)
            engine._tenants[name] = tenant
            engine._unsettled[name] = None
        return engine

    def sizes(self) -> dict[str, dict[str, int]]:
        """Return how many groups are live, by tenant and rule."""
        return {
            name: {rule: len(groups.by_key) for rule, groups in tenant.rules.items()}
            for name, tenant in self._tenants.items()
        }

    def _enter(self, name: str) -> Tenant:
        tenant = self._tenants[name] = Tenant(name, self._programs(name))
        return tenant

    def _event_time(self, tenant: Tenant, fact: Fact) -> int:
        """Return when it happened; an event from the future happened when it first arrived."""
        if fact.time_ms <= fact.ingested_ms + self._limits.future_ms:
            return fact.time_ms
        self.counters["skewed"] += 1
        return tenant.clamped(fact)

    def _note_source(self, tenant: Tenant, fact: Fact, time_ms: int) -> bool:
        """Advance the source's time and say whether the event is too late by it."""
        key = f"{fact.topic} {fact.source}"  # two topics of one source are read one ahead of the other
        source = tenant.sources.get(key)
        if source is None:
            source = tenant.sources[key] = Watch(time_ms, fact.ingested_ms)
        source.hear(fact, is_skewed=time_ms != fact.time_ms)
        if time_ms > source.newest_ms:
            source.newest_ms = time_ms
        elif time_ms < source.newest_ms - self._limits.lateness_of(fact.source):
            self.counters["late"] += 1
            return True
        return False

    def _match(self, tenant: Tenant, fact: Fact, found: int, *, time_ms: int, is_late: bool) -> None:
        """Put the event into every group that a rule which it matches has for it."""
        program = tenant.program
        place = Place(fact.topic, fact.partition, fact.offset, fact.type)
        while found:
            low = found & -found
            found ^= low
            bit = low.bit_length() - 1
            rule = program.selections[bit]
            for interest in program.interests[bit]:
                ready = program.ready[interest.correlation]
                if is_late and not ready.is_single:
                    continue
                keys = interest.groups(fact)
                if not keys:
                    self.counters["unkeyed"] += 1
                    continue
                excepted = program.excepted(ready.rule.head.id, fact, time_ms) if program.exceptions else ""
                values, extra = interest.measured(fact), interest.extra(fact)
                entry = Entry(time_ms, fact.source, fact.id, rule, values, extra, place, None, excepted)
                for key in keys:
                    self._put(tenant, ready, SEPARATOR.join(key), entry)
        if tenant.touched:
            self._unsettled[tenant.name] = None

    def _put(self, tenant: Tenant, ready: Ready, key: str, entry: Entry) -> None:
        groups = tenant.put(ready, key, entry, self._limits)
        if len(groups.by_key) > self._limits.groups:
            self.counters["evicted_groups"] += groups.bound(most=self._limits.groups)

    def _watch(self, tenant: Tenant, now_ms: int) -> Iterator[Change]:
        for key, watch in tenant.sources.items():
            topic, source = key.split(" ", 1)
            lateness_ms = self._limits.lateness_of(source)
            yield from look(tenant.name, topic, source, watch, now_ms=now_ms, lateness_ms=lateness_ms)

    def _sweep_awake(self, tenant: Tenant, ready: Ready, groups: Groups) -> Iterator[Change]:
        for key in list(groups.awake):
            group = groups.by_key[key]
            assert isinstance(group, Group)  # noqa: S101 - for the type
            if group.standing:
                yield from close_quiet(group, quiet_ms=ready.quiet_ms, horizon_ms=tenant.horizon_ms)
            if group.touched:  # it was used since the last sweep: let it be
                group.touched = False
            elif not group.standing and not tenant.awaits(ready, key):
                self._lay_down(tenant, ready, groups, key, group)

    def _sweep_asleep(self, tenant: Tenant, ready: Ready, groups: Groups) -> None:
        """Look at some of the sleeping groups, the next ones next time."""
        for key in tenant.next_asleep(ready, groups, most=_ASLEEP_AT_ONCE):
            found = groups.by_key.get(key)
            if isinstance(found, bytes) and expires_ms(found) < tenant.horizon_ms:
                group = groups.peek(key, tenant.names)
                if group is not None:
                    self._lay_down(tenant, ready, groups, key, group)

    def _lay_down(self, tenant: Tenant, ready: Ready, groups: Groups, key: str, group: Group) -> None:
        """Forget what nothing can need any more and let the rest sleep, in its place among the least recently used."""
        before_ms = tenant.horizon_ms - 1 - tenant.above_ms(ready) - ready.pending_ms
        if before_ms > group.forgotten_ms:
            group.entries = list(keep(ready.rule, group.entries, before_ms))
            group.forgotten_ms = before_ms
            group.sketch = b""  # nothing stands, so nothing is shown of what it counted
            group.handed = [one for one in group.handed if one.time_ms > before_ms]
        if not group.entries and not group.handed:
            groups.drop(key)
        elif group.may_sleep:
            newest_ms = group.entries[-1].time_ms
            expires = max(newest_ms + ready.keep_ms, tenant.horizon_ms + _ASLEEP_LONGER_MS)
            groups.sleep(key, packed(group, tenant.names, expires_ms=expires))
