"""Running the engine over events in tests, and what stands at the end."""

from __future__ import annotations

from collections.abc import Iterable

from nuxari_events.envelope import Event

from services.monitoring.domain.engine import Engine
from services.monitoring.domain.model import Alert, Change, Closed, Fact
from tests.monitoring.builders import fact


def run(events: Iterable[Event], *, engine: Engine | None = None) -> list[Change]:
    """Every change that the events make, the tick at the end included."""
    engine = engine or Engine()
    changes = [change for n, event in enumerate(events) for change in engine.observe(fact(event, offset=n))]
    return changes + engine.advance()


def standing(changes: Iterable[Change]) -> dict[str, Alert]:
    """The alerts that stand after the changes, by id."""
    found: dict[str, Alert] = {}
    for change in changes:
        if isinstance(change, Closed):
            if change.reason != "quiet":
                found.pop(change.alert.alert_id, None)
        else:
            found[change.alert.alert_id] = change.alert
    return found


def undisturbed(facts: Iterable[Fact]) -> dict[str, Alert]:
    """What stands when everything is read at once, in order of time, with nothing forgotten."""
    engine = Engine()
    changes = [change for one in sorted(facts, key=lambda one: one.time_ms) for change in engine.observe(one)]
    return standing(changes + engine.advance())


def numbers(events: Iterable[Event]) -> list[int]:
    """The numbers of the detections whose alerts stand after the events."""
    return sorted(alert.rule_number for alert in standing(run(events)).values())


def told(alerts: Iterable[Alert]) -> set[tuple[object, ...]]:
    """What each alert says, without its place in Kafka (that is the arrival's, not the alert's)."""
    return {
        (
            alert.alert_id,
            alert.rule_number,
            tuple(alert.group.items()),
            alert.after_ms,
            alert.until_ms,
            alert.value,
            alert.first_seen_ms,
            alert.last_seen_ms,
            alert.related_events_count,
            tuple((entry.time_ms, entry.source, entry.id, entry.role) for entry in alert.evidence),
        )
        for alert in alerts
    }
