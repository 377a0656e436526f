"""From episodes to alerts: what is new, what went on, what no longer stands, and how each explains itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from uuid import UUID, uuid5

import msgspec

from services.monitoring.domain.episodes import Episode, Seen
from services.monitoring.domain.findings import named
from services.monitoring.domain.model import Alert, Change, Closed, Entity, Raised, Shown, Suppression, Updated
from services.monitoring.domain.program import Excepting, Ready
from services.monitoring.domain.sigma import Bound, Kind
from services.monitoring.domain.sketch import added, estimated
from services.monitoring.domain.state import SEPARATOR, Entry, Group

_NAMESPACE = UUID("0d4a3c1e-6f5b-5e2a-8c7d-9b1f2e3a4c5d")
"""Of alert ids; changing it would raise every standing alert a second time after a replay."""

_KINDS = {
    "user": ("user", "user_id", "actorid", "actor", "requester_id", "approver_id", "owner_id", "sponsor_id"),
    "credential": ("credential", "credential_id"),
    "ip": ("ip", "origin.ip"),
    "session": ("session", "session_id", "root_session_id"),
    "device": ("device", "device_id"),
    "tenant": ("tenantid",),
    "source": ("source",),
    "agent": ("agent_id",),
    "role": ("role",),
}
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names}

RISK = {"informational": 1.0, "low": 10.0, "medium": 25.0, "high": 50.0, "critical": 80.0}
"""Points that an alert adds to the risk of what it is about."""


def difference(before: dict[str, Alert], found: dict[str, Alert]) -> Iterator[Change]:
    """Yield what turns the alerts that stand into those that were found."""
    for alert_id, alert in found.items():
        standing = before.get(alert_id)
        if standing is None:
            yield Raised(alert)
        elif _said(standing) != _said(alert):
            yield Updated(alert)
    for alert_id, alert in before.items():
        if alert_id not in found:
            yield _no_longer(alert, list(found.values()))


def close_quiet(group: Group, *, quiet_ms: int, horizon_ms: int) -> Iterator[Change]:
    """Close the alerts to which nothing more can be added, and remember that they are over."""
    for alert_id, alert in list(group.standing.items()):
        if alert.last_seen_ms + quiet_ms < horizon_ms:
            del group.standing[alert_id]
            group.closed_until_ms = max(group.closed_until_ms, alert.last_seen_ms)
            yield Closed(alert, "quiet")


def _said(alert: Alert) -> Alert:
    """Return what two alerts differ in: neither their enrichments nor where in Kafka their evidence stands."""
    evidence = tuple(one[:4] for one in alert.evidence)
    return msgspec.structs.replace(alert, context={}, evidence=evidence)


def _no_longer(alert: Alert, found: Sequence[Alert]) -> Closed:
    """Say why an alert fell: another one has taken its events, or they turned out to be in order."""
    mine = {one[1:3] for one in alert.evidence}
    for other in found:
        if mine & {one[1:3] for one in other.evidence}:
            return Closed(alert, "superseded", other.alert_id)
    return Closed(alert, "satisfied")


def alert_of(
    tenant: str,
    ready: Ready,
    key: str,
    group: Group,
    episode: Episode,
    *,
    names: Mapping[str, str],
    taken: Container[str] = (),
) -> Alert:
    """Return the episode as an alert; `taken` are the ids of alerts of the same group."""
    assert ready.about is not None  # noqa: S101 - for the type
    head = ready.rule.head
    about = group_names(ready, key, about=episode.about)
    return Alert(
        alert_id=_id(tenant, ready, key, episode, taken=taken),
        tenant=tenant,
        rule_id=ready.name,
        rule_number=ready.number,
        rule_title=head.title,
        rule_version=ready.version,
        severity=ready.about.severity,
        summary=_summary(ready, about, episode),
        group=about,
        after_ms=episode.after_ms,
        until_ms=episode.until_ms,
        value=_value(ready, group, episode),
        threshold=threshold(ready),
        first_seen_ms=episode.first.time_ms,
        last_seen_ms=episode.last_ms,
        related_events_count=episode.events + group.dropped,
        evidence=tuple(_shown(one, names) for one in episode.shown),
        attack=ready.attack,
        approximate=group.dropped > 0,
        entities=tuple(_entities(about)),
        tactics=ready.tactics,
        mode=ready.about.mode,
    )


def suppressed(alert: Alert, excepted: Sequence[Entry], exceptions: Iterable[Excepting]) -> Alert:
    """Return the alert as one that an exception keeps from being raised."""
    return msgspec.structs.replace(alert, suppressed_by=reasons(excepted, exceptions), is_suppressed=True)


def reasons(excepted: Sequence[Entry], exceptions: Iterable[Excepting]) -> tuple[Suppression, ...]:
    """Return which exceptions take how many of the events."""
    why = {one.id: one.reason for one in exceptions}
    counts = Counter(entry.excepted for entry in excepted)
    return tuple(Suppression("exception", one, why.get(one, ""), count) for one, count in sorted(counts.items()))


def group_names(ready: Ready, key: str, *, about: str = "") -> dict[str, str]:
    """Return the fields that the rule groups by, by the names that alerts have for them, with their values."""
    fields = ready.rule.group_by
    values = key.split(SEPARATOR) if fields else []
    return named(dict(zip(fields, values, strict=True)), about=about)


def threshold(ready: Ready) -> float:
    """Return what the value is held against: the bound's number, or how many rules have to match."""
    condition = ready.rule.condition
    return float(condition.number if isinstance(condition, Bound) else len(ready.rule.wanted))


def _shown(one: Seen, names: Mapping[str, str]) -> Shown:
    place = one.place
    role = names.get(one.rule, one.rule)
    return Shown(one.time_ms, one.source, one.id, role, place.topic, place.partition, place.offset, place.type)


def _value(ready: Ready, group: Group, episode: Episode) -> float:
    """Return the value; of a group with more different values than are kept, how many there were, about."""
    if not group.sketch or ready.rule.kind is not Kind.VALUE_COUNT:
        return episode.value
    kept = (SEPARATOR.join(value) for entry in group.entries for value in entry.values)
    return max(episode.value, float(round(estimated(added(group.sketch, kept)))))


def _id(tenant: str, ready: Ready, key: str, episode: Episode, *, taken: Container[str]) -> str:
    """Name the alert by its first event; by the one at which it held first too where two share the first one."""
    parts = [tenant, ready.rule.head.id, key, *episode.identity]
    parts += [episode.about] if episode.about else []
    found = _named(parts)
    return _named([*parts, *episode.held_first]) if found in taken else found


def _named(parts: Iterable[str]) -> str:
    return str(uuid5(_NAMESPACE, SEPARATOR.join(parts)))


def _entities(names: dict[str, str]) -> Iterator[Entity]:
    for name, value in names.items():
        kind = _KIND_OF.get(name)
        if kind is not None and value:
            yield Entity(kind, value)


def _summary(ready: Ready, names: dict[str, str], episode: Episode) -> str:
    """Fill the rule's sentence in. Values come from events: they are put in as they are, never read as a template."""
    template = ready.rule.head.extensions.get("summary")
    if template is None:
        group = ", ".join(f"{name} {value[:200]}" for name, value in names.items())
        return f"{ready.rule.head.title}{': ' if group else ''}{group}"
    words = {
        **{name: value[:200] for name, value in names.items()},
        "value": f"{episode.value:g}",
        "threshold": f"{threshold(ready):g}",
        "window": _span(ready.rule.timespan),
    }
    return re.sub(r"\{([\w.]+)\}", lambda found: words.get(found.group(1), found.group(0)), str(template))


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} seconds"
