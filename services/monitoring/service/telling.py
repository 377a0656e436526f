"""An announcement about alerts goes everywhere it belongs: to Kafka, to the streams, and outside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from nuxari_events.envelope import Event

from services.monitoring.service import outbound
from services.monitoring.store import changes
from shared.persistence.database import Transaction


async def tell(transaction: Transaction, events: Sequence[Event], *, at: datetime) -> None:
    """Announce the events of the tenant that was taken (`changes.take`)."""
    await changes.tell(transaction, events, at=at)
    await outbound.note(transaction, events, at=at)
