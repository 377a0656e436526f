"""Which silences an alert falls under: it is kept and counted as risk, and told to nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from services.monitoring.domain.conditions import Condition
from services.monitoring.domain.configuration import Silence
from services.monitoring.domain.model import Alert, Suppression
from services.monitoring.domain.predicates import Predicate, predicate

ALERT_FIELDS = frozenset({"rule", "severity", "title"})
"""What a silence's condition may name, beside `group.<name>` and `entity.<kind>`."""

ALERT_ROOTS = ("group.", "entity.")


@dataclass(frozen=True, kw_only=True)
class SilencedAlert:
    """What silences look at."""

    rule: str
    """What alerts call the rule."""
    severity: str
    title: str
    users: frozenset[str] = frozenset()
    """Whom it is about."""
    group: Mapping[str, str] = field(default_factory=dict)
    entities: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Ids by kind, such as user, credential, ip."""

    def event(self) -> dict[str, Any]:
        """Return it as conditions read it."""
        return {
            "rule": self.rule,
            "severity": self.severity,
            "title": self.title,
            "group": dict(self.group),
            "entity": {kind: list(ids) for kind, ids in self.entities.items()},
        }


class Silencer:
    """A tenant's silences, ready to be asked."""

    def __init__(
        self,
        silences: Sequence[Silence] = (),
        *,
        conditions: Mapping[str, Condition] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        """Take the silences.

        Args:
            silences: with those whose time has not come, or is over.
            conditions: by the silence's id; a silence that has one and is not here silences nothing.
            names: what alerts call rules, by the rule's id; without one they call it by that.
        """
        known = conditions or {}
        readable = (one for one in silences if one.condition is None or one.id in known)
        self._silences = tuple((one, _holds(known.get(one.id))) for one in readable)
        self._names = dict(names or {})

    def covering(self, alert: SilencedAlert, *, at: datetime) -> tuple[Silence, ...]:
        """Return the silences that the alert falls under at that time."""
        return tuple(one for one, holds in self._silences if self._is_about(one, alert, at) and holds(alert.event()))

    def _is_about(self, silence: Silence, alert: SilencedAlert, at: datetime) -> bool:
        if not silence.begins_at <= at < silence.ends_at:
            return False
        if silence.rule is not None and self._names.get(silence.rule, silence.rule) != alert.rule:
            return False
        return silence.user_id is None or silence.user_id in alert.users


def _holds(condition: Condition | None) -> Predicate:
    return predicate(condition) if condition is not None else lambda _: True


def silenced_by(alert: Alert, silencer: Silencer, *, at: datetime) -> Alert:
    """Return the alert as its tenant's silences leave it: under one or more it is suppressed, and says why."""
    found = silencer.covering(_seen(alert), at=at)
    if not found:
        return alert
    why = tuple(Suppression("silence", one.id, one.reason, alert.related_events_count) for one in found)
    return msgspec.structs.replace(alert, suppressed_by=(*alert.suppressed_by, *why), is_suppressed=True)


def _seen(alert: Alert) -> SilencedAlert:
    entities: dict[str, list[str]] = {}
    for one in alert.entities:
        entities.setdefault(one.kind, []).append(one.id)
    return SilencedAlert(
        rule=alert.rule_id,
        severity=alert.severity,
        title=alert.rule_title,
        users=frozenset(entities.get("user", ())),
        group=alert.group,
        entities=entities,
    )
