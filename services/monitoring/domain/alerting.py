"""From episodes to alerts: what is new, what went on, what no longer stands, and how each explains itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID, uuid5

from services.monitoring.domain.episodes import Episode
from services.monitoring.domain.groups import SEPARATOR, Group
from services.monitoring.domain.model import Alert, Change, Closed, Entry, Raised, Updated
from services.monitoring.domain.rules import EVIDENCE_AT_EACH_END, EventCount, FirstSeen, Ordered, Rule
from services.monitoring.domain.trackers import Tracker

_NAMESPACE = UUID("0d4a3c1e-6f5b-5e2a-8c7d-9b1f2e3a4c5d")
"""Of alert ids; changing it would raise every standing alert a second time after a replay."""


def difference(tenant_id: str, tracker: Tracker[Any], key: str, group: Group) -> Iterator[Change]:
    """Compare the group's episodes with its standing alerts, bring these up to date, and yield what changed."""
    found = {
        alert.alert_id: alert
        for episode in tracker.episodes(group)
        if episode.last_ms > group.closed_until_ms
        for alert in [_alert(tenant_id, tracker.rule, key, group, episode)]
    }
    for alert_id, alert in found.items():
        before = group.standing.get(alert_id)
        if before is None:
            yield Raised(alert)
        elif before != alert:
            yield Updated(alert)
    for alert_id, alert in group.standing.items():
        if alert_id not in found:
            yield _no_longer(alert, list(found.values()))
    group.standing = found


def close_quiet(group: Group, *, quiet_ms: int, horizon_ms: int) -> Iterator[Change]:
    """Close the alerts to which nothing more can be added, and remember that they are over."""
    for alert_id, alert in list(group.standing.items()):
        if alert.last_seen_ms + quiet_ms < horizon_ms and not group.dirty:
            del group.standing[alert_id]
            group.closed_until_ms = max(group.closed_until_ms, alert.last_seen_ms)
            yield Closed(alert, "quiet")


def _no_longer(alert: Alert, found: Sequence[Alert]) -> Closed:
    """Say why an alert fell: another one has taken its events, or they turned out to be in order."""
    mine = {(entry.source, entry.id) for entry in alert.evidence}
    for other in found:
        if mine & {(entry.source, entry.id) for entry in other.evidence}:
            return Closed(alert, "superseded", other.alert_id)
    return Closed(alert, "satisfied")


def _alert(tenant_id: str, rule: Rule, key: str, group: Group, episode: Episode) -> Alert:
    names = dict(zip(rule.group_by, key.split(SEPARATOR), strict=True))
    first = episode.identity
    return Alert(
        alert_id=str(uuid5(_NAMESPACE, SEPARATOR.join((tenant_id, rule.id, key, first.source, first.id)))),
        tenant=tenant_id,
        rule_id=rule.id,
        rule_number=rule.number,
        rule_title=rule.title,
        rule_version=rule.version,
        severity=rule.severity,
        summary=_summary(rule, names, episode),
        group=names,
        after_ms=episode.after_ms,
        until_ms=episode.until_ms,
        value=float(episode.value),
        threshold=float(_threshold(rule)),
        first_seen_ms=first.time_ms,
        last_seen_ms=episode.last_ms,
        related_events_count=len(episode.evidence) + group.dropped,
        evidence=_shown(episode.evidence),
        attack=rule.attack,
        approximate=group.dropped > 0,
    )


def _shown(evidence: Sequence[Entry]) -> tuple[Entry, ...]:
    if len(evidence) <= 2 * EVIDENCE_AT_EACH_END:
        return tuple(evidence)
    return (*evidence[:EVIDENCE_AT_EACH_END], *evidence[-EVIDENCE_AT_EACH_END:])


def _threshold(rule: Rule) -> float:
    return rule.threshold if isinstance(rule, EventCount | Ordered) else 1


def _summary(rule: Rule, names: dict[str, str], episode: Episode) -> str:
    """Fill the rule's sentence in. Values come from events: they are put in as they are, never read as a template."""
    words = {
        **{name: value[:200] for name, value in names.items()},
        "value": f"{episode.value:g}",
        "threshold": f"{_threshold(rule):g}",
        "window": _span(rule),
    }
    return re.sub(r"\{(\w+)\}", lambda found: words.get(found.group(1), found.group(0)), rule.summary)


def _span(rule: Rule) -> str:
    span = rule.memory if isinstance(rule, FirstSeen) else getattr(rule, "window", None)
    if span is None:
        return ""
    return f"{span.days} days" if span.days else f"{span.seconds // 60} minutes"
