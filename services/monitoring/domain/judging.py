"""Groups that events went to are looked at: which alerts stand, and what correlations above are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from operator import itemgetter

import msgspec

from services.monitoring.domain.alerting import RISK, alert_of, difference, reasons, suppressed
from services.monitoring.domain.episodes import Span, episodes, joined
from services.monitoring.domain.extensions import Burst
from services.monitoring.domain.fact_layout import as_attributes
from services.monitoring.domain.grouping import Interest
from services.monitoring.domain.limits import Limits
from services.monitoring.domain.model import Alert, AlertFacts, Change, Closed, Fact, Updated
from services.monitoring.domain.program import ALERT_TYPE, Ready
from services.monitoring.domain.state import SEPARATOR, Below, Entry, Group, Place, discard
from services.monitoring.domain.tenants import Tenant
from services.monitoring.domain.windows import Hold, holds

_SOURCE = "/nuxari/monitoring"
_IN_ORDER = itemgetter(0, 1, 2, 3)


class Judge:
    """Looks at one tenant's groups, those of correlated rules before those of the rules that correlate them."""

    def __init__(self, tenant: Tenant, limits: Limits, counters: Counter[str]) -> None:
        self._tenant = tenant
        self._program = tenant.program
        self._limits = limits
        self._counters = counters
        self._has_forgotten = False

    def settle(self) -> Iterator[Change]:
        """Look at what is to be looked at and yield what changed."""
        touched = self._tenant.touched
        while touched:
            place = min(touched)
            ready = self._program.ready[place]
            for key in touched.pop(place):
                yield from self._look(ready, key)

    def _look(self, ready: Ready, key: str) -> Iterator[Change]:
        groups = self._tenant.rules.get(ready.rule.head.id)
        if groups is None or key not in groups.by_key:
            return
        group = groups.by_key[key]
        if isinstance(group, bytes):
            group = groups.of(key, self._tenant.names)
        entries = _once(group.entries) if ready.is_once else group.entries
        counted = [one for one in entries if not one.excepted] if self._program.exceptions else entries
        found = self._holds(ready, key, group, counted)
        above = self._program.above[ready.place]
        if above:
            self._hand_up(ready, key, group, counted, found, above)
        if ready.about is not None:
            yield from self._alert(ready, key, group, counted, found, entries)

    def _holds(self, ready: Ready, key: str, group: Group, entries: Sequence[Entry]) -> list[Hold]:
        """Return where the rule holds for certain; where it is not certain yet it is looked at again in time."""
        found = [one for one in holds(ready.rule, entries) if entries[one.at].time_ms > group.forgotten_ms]
        if not ready.is_absence:
            return found
        horizon_ms = self._tenant.horizon_ms
        later = [one.due_ms for one in found if one.due_ms > horizon_ms]
        if later:
            self._tenant.await_until(ready, key, min(later))
        return [one for one in found if one.due_ms <= horizon_ms]

    def _alert(
        self,
        ready: Ready,
        key: str,
        group: Group,
        counted: Sequence[Entry],
        found: Sequence[Hold],
        entries: Sequence[Entry],
    ) -> Iterator[Change]:
        alerts = self._alerts(ready, key, group, counted, found)
        if len(counted) < len(entries):
            alerts = self._with_suppressed(ready, key, group, entries, alerts)
        before, group.standing = group.standing, alerts
        for change in difference(before, alerts):
            if self._program.feeds_back and ready.is_fed_back and not isinstance(change, Updated):
                self._feed_back(change)
            yield change

    def _alerts(
        self, ready: Ready, key: str, group: Group, entries: Sequence[Entry], found: Sequence[Hold]
    ) -> dict[str, Alert]:
        """Return the alerts that the episodes make; those that are over give their names to no other."""
        made: dict[str, Alert] = {}
        taken = self._taken(ready, key, group, entries)
        for episode in episodes(ready, entries, found, self._lookup):
            names = self._program.names
            alert = alert_of(self._tenant.name, ready, key, group, episode, names=names, taken=taken)
            taken.add(alert.alert_id)
            if episode.last_ms > group.closed_until_ms:
                made[alert.alert_id] = self._as_known(alert, group.standing.get(alert.alert_id))
            self._has_forgotten = False
        return made

    def _taken(self, ready: Ready, key: str, group: Group, entries: Sequence[Entry]) -> set[str]:
        """Return the names of episodes that are over: after a short quiet time the next may begin with their event."""
        if ready.rule.extension is not None or ready.quiet_ms >= ready.keep_ms or group.forgotten_ms < 0:
            return set()
        over = [one for one in holds(ready.rule, entries) if entries[one.at].time_ms <= group.forgotten_ms]
        names = self._program.names
        before = episodes(ready, entries, over, self._lookup)
        return {alert_of(self._tenant.name, ready, key, group, one, names=names).alert_id for one in before}

    def _as_known(self, alert: Alert, before: Alert | None) -> Alert:
        """Return the alert with the evidence it had, where some of it is forgotten by now in the groups below."""
        if before is None or not self._has_forgotten or before.related_events_count <= alert.related_events_count:
            return alert
        return msgspec.structs.replace(
            alert,
            evidence=before.evidence,
            related_events_count=before.related_events_count,
            first_seen_ms=before.first_seen_ms,
        )

    def _with_suppressed(
        self, ready: Ready, key: str, group: Group, entries: Sequence[Entry], alerts: dict[str, Alert]
    ) -> dict[str, Alert]:
        """Add as suppressed what would stand if nothing were excepted; say of the others what they do not count."""
        exceptions = [one for one, _ in self._program.exceptions.get(ready.rule.head.id, ())]
        excepted = [one for one in entries if one.excepted]
        why = reasons(excepted, exceptions)
        shown = {name: msgspec.structs.replace(alert, suppressed_by=why) for name, alert in alerts.items()}
        taken = {one[1:3] for alert in alerts.values() for one in alert.evidence}
        whole = self._alerts(ready, key, group, entries, self._holds(ready, key, group, entries))
        for name, alert in whole.items():
            if name not in shown and not taken & {one[1:3] for one in alert.evidence}:
                shown[name] = suppressed(alert, excepted, exceptions)
        return shown

    def _lookup(self, rule: str, key: str, spans: Sequence[Span]) -> Sequence[Entry]:
        groups = self._tenant.rules.get(rule)
        group = None if groups is None else groups.peek(key, self._tenant.names)
        place = self._program.place_of.get(rule)
        if group is None or place is None or group.forgotten_ms >= min(spans)[0]:
            self._has_forgotten = True
        if group is None or place is None:
            return ()
        ready, inside = self._program.ready[place], list(joined(spans))
        if ready.rule.extension is not None and not isinstance(ready.rule.extension, Burst):
            return ()  # it rests on the one event that is known already, not on all of that time
        wanted = ready.rule.wanted
        return [
            one
            for one in (_once(group.entries) if ready.is_once else group.entries)
            if one.rule in wanted and not one.excepted and any(begin <= one.time_ms <= end for begin, end in inside)
        ]

    def _hand_up(
        self,
        ready: Ready,
        key: str,
        group: Group,
        entries: Sequence[Entry],
        found: Sequence[Hold],
        above: Sequence[Interest],
    ) -> None:
        """Tell the correlations above what is new, what differs and what no longer holds."""
        now = {one[:3]: one for one in _matches(ready, key, entries, found)}
        before = {one[:3]: one for one in group.handed if one.time_ms > group.forgotten_ms}
        fields = dict(zip(ready.rule.group_by, key.split(SEPARATOR), strict=True)) if ready.rule.group_by else {}
        for interest in above:
            upper = self._program.ready[interest.correlation]
            keys = [SEPARATOR.join(one) for one in interest.groups(fields)]
            if not keys:
                self._counters["unkeyed"] += 1
            for identity, entry in before.items():
                if now.get(identity) != entry:
                    self._take_back(upper, keys, entry)
            values, extra = interest.measured(fields), interest.extra(fields)
            for identity, entry in now.items():
                if before.get(identity) != entry:
                    self._give(upper, keys, entry._replace(values=values, extra=extra))
        group.handed = list(now.values())

    def _give(self, upper: Ready, keys: Sequence[str], entry: Entry) -> None:
        for key in keys:
            self._tenant.put(upper, key, entry, self._limits)
            self._tenant.touch(upper, key)  # whoever looks below looks above too, or the two say different things

    def _take_back(self, upper: Ready, keys: Sequence[str], entry: Entry) -> None:
        groups = self._tenant.rules.get(upper.rule.head.id)
        for key in keys:
            if groups is not None and key in groups.by_key:
                group = groups.of(key, self._tenant.names)
                if discard(group.entries, entry):
                    self._tenant.touch(upper, key)

    def _feed_back(self, change: Change) -> None:
        """Give the alert to the rules that look at alerts, or take it from them if it does not stand after all."""
        fact = _as_fact(change.alert)
        found = self._program.matcher.match(fact)
        place = Place(fact.topic, change.alert.evidence[0].partition, fact.offset, fact.type)
        for bit, rule in enumerate(self._program.selections):
            if not found >> bit & 1:
                continue
            for interest in self._program.interests[bit]:
                upper = self._program.ready[interest.correlation]
                keys = [SEPARATOR.join(one) for one in interest.groups(fact)]
                values, extra = interest.measured(fact), interest.extra(fact)
                entry = Entry(fact.time_ms, fact.source, fact.id, rule, values, extra, place)
                if isinstance(change, Closed):
                    self._take_back(upper, keys, entry)
                else:
                    self._give(upper, keys, entry)


def _matches(ready: Ready, key: str, entries: Sequence[Entry], found: Sequence[Hold]) -> Iterator[Entry]:
    """Yield a match for each event at which the correlation holds."""
    rule, wanted, last = ready.rule.head.id, ready.rule.wanted, None
    for hold in found:
        at = entries[hold.at]
        if at[:3] == last:  # an event that two of the rules match is one match of this
            continue
        last = at[:3]
        first = next(one for one in entries[hold.first : hold.last + 1] if one.rule in wanted)
        end_ms = max(entries[hold.last].time_ms, at.time_ms)
        earliest = (
            first.below.first if first.below else (first.time_ms, first.source, first.id, first.rule, first.place)
        )
        yield Entry(
            *at[:3], rule, (), (), at.place, Below(rule, key, first.time_ms, end_ms, hold.last - hold.first, earliest)
        )


def _once(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries with each event only once, however many of the rules it matched."""
    once = {(one.time_ms, one.source, one.id, tuple(one.values)): one for one in reversed(entries)}
    return sorted(once.values(), key=_IN_ORDER)


def _as_fact(alert: Alert) -> Fact:
    user = next((one.id for one in alert.entities if one.kind == "user"), None)
    entity = f"{alert.entities[0].kind}:{alert.entities[0].id}" if alert.entities else None
    rule = {"id": alert.rule_id, "number": alert.rule_number, "title": alert.rule_title}
    data = {
        "alert_id": alert.alert_id,
        "rule": rule,
        "severity": alert.severity,
        "group": alert.group,
        "is_suppressed": alert.is_suppressed,
    }
    return Fact(
        type=ALERT_TYPE,
        source=_SOURCE,
        id=alert.alert_id,
        time_ms=alert.first_seen_ms,
        tenant=alert.tenant,
        data=as_attributes(data),
        topic="security.alerts",
        partition=0,
        offset=0,
        ingested_ms=alert.last_seen_ms,
        subject=alert.alert_id,
        alert=AlertFacts(user, entity, RISK[alert.severity], list(alert.tactics)),
    )
