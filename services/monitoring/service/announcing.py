"""Changes of alerts become rows and announcements, each once, however often a replay makes the same change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

import msgspec

from services.monitoring import events
from services.monitoring.domain.model import Alert, Change, Closed
from services.monitoring.store import alerts
from shared.persistence.database import Transaction

_UNJUDGED = ("satisfied", "superseded")
"""An alert closed for one of these can stand again when yet another event arrives late."""


def latest(changes: Iterable[Change]) -> list[Change]:
    """Return the last change of each alert, in order: what came and went within a batch is not announced."""
    found: dict[str, Change] = {}
    for change in changes:
        found.pop(change.alert.alert_id, None)
        found[change.alert.alert_id] = change
    return list(found.values())


async def announce(transaction: Transaction, change: Change, *, at: datetime) -> None:
    """Write and announce the change unless the row shows that it was announced before."""
    await transaction.enter(change.alert.tenant)
    row = await alerts.kept(transaction, change.alert.tenant, change.alert.alert_id)
    if isinstance(change, Closed):
        await _close(transaction, change, row, at)
    elif row is None:
        await _stand(transaction, change.alert, revision=0, at=at)
    elif _is_news(change.alert, row):
        await _stand(transaction, change.alert, revision=row.revision + 1, at=at, was_open=row.status == "open")


def _is_news(alert: Alert, row: alerts.Kept) -> bool:
    """Say whether it differs from what was announced, and may: an alert that became quiet stays closed."""
    if row.status == "closed":
        return row.closure in _UNJUDGED
    return _content(alert) != row.content_hash


async def _stand(
    transaction: Transaction, alert: Alert, *, revision: int, at: datetime, was_open: bool = False
) -> None:
    data = events.alert_data(alert, revision=revision)
    await alerts.save(transaction, alert.tenant, data, closure=None, content_hash=_content(alert), at=at)
    announced = events.updated if was_open else events.raised
    transaction.announce(announced(data, tenant_id=alert.tenant, at=at))


async def _close(transaction: Transaction, change: Closed, row: alerts.Kept | None, at: datetime) -> None:
    """Close what was announced; what rose and fell before anybody heard of it never was."""
    if row is None or row.status == "closed":
        return
    data = events.alert_data(change.alert, revision=row.revision + 1)
    await alerts.save(
        transaction, change.alert.tenant, data, closure=change.reason, content_hash=row.content_hash, at=at
    )
    transaction.announce(events.closed(data, change, tenant_id=change.alert.tenant, at=at))


def _content(alert: Alert) -> bytes:
    """Return a hash of what the alert says; the place of evidence in Kafka is not part of it."""
    evidence = [(entry.time_ms, entry.source, entry.id, entry.role) for entry in alert.evidence]
    return hashlib.sha256(
        msgspec.msgpack.encode(
            (alert.value, alert.first_seen_ms, alert.last_seen_ms, alert.related_events_count, evidence)
        )
    ).digest()
