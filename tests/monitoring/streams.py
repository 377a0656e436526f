"""Running the engine over events in tests, and what stands at the end."""

from __future__ import annotations

from collections.abc import Iterable

from nuxari_events.envelope import Event

from services.monitoring.domain.engine import Engine
from services.monitoring.domain.model import Alert, Change, Closed, Fact
from services.monitoring.service.programs import of_pack
from tests.monitoring.builders import fact


def pack_engine() -> Engine:
    """An engine with the pack, for any tenant."""
    return Engine(lambda _: of_pack())


def run(events: Iterable[Event], *, engine: Engine | None = None, at_once: bool = False) -> list[Change]:
    """Every change that the events make, the tick at the end included; looked at after each event or at the end."""
    engine = engine or pack_engine()
    changes: list[Change] = []
    for n, event in enumerate(events):
        engine.observe(fact(event, offset=n))
        changes += [] if at_once else engine.settle()
    return changes + engine.settle() + engine.advance(now_ms=0)


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
    engine = pack_engine()
    for one in sorted(facts, key=lambda one: one.time_ms):
        engine.observe(one)
    return standing(engine.settle() + engine.advance(now_ms=0))


FIRST_ONES = frozenset({1, 2, 12, 13, 33, 34, 35})
"""Detections that these stories are about; the others have theirs beside the pack's files."""


def numbers(events: Iterable[Event]) -> list[int]:
    """The numbers of the detections whose alerts stand after the events."""
    found = (alert.rule_number for alert in standing(run(events)).values())
    return sorted(number for number in found if number in FIRST_ONES)


ABOUT_ALERTS = frozenset({58, 60})
"""Detections that look at alerts: what went quiet before a late word took it back has been an alert to them."""


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
        if alert.rule_number not in ABOUT_ALERTS
    }
