"""Alerts beyond what is told one by one: told together, every few minutes, until there are none."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from nuxari_events.ids import derived_id

from services.monitoring import events
from services.monitoring.domain import flood
from services.monitoring.service import telling
from services.monitoring.store import changes
from services.monitoring.store import digests as store
from shared import due
from shared.persistence.database import Transaction

KIND = "alert_digest"
"""Of due work; its key is the rule's id."""


async def schedule(transaction: Transaction, rules: Collection[str], *, at: datetime) -> None:
    """Have what waits of the rules told, unless that is due already."""
    for rule_id in sorted(rules):
        if not await store.is_waiting(transaction, kind=KIND, key=rule_id):
            await due.schedule(transaction, kind=KIND, key=rule_id, due_at=at + flood.DIGESTED_EVERY)


async def tell(transaction: Transaction, rule_id: str, at: datetime) -> None:
    """Announce the rule's alerts that wait, as one."""
    tenant_id = transaction.tenant_id or ""
    await changes.take(transaction, tenant_id)
    digest_id = derived_id("digest", tenant_id, rule_id, at.isoformat())
    digest = await store.claim(transaction, rule_id, digest_id=digest_id)
    if digest is not None:
        told = events.digested(digest_id, digest, tenant_id=tenant_id, limit=flood.MOST, at=at)
        await telling.tell(transaction, [told], at=at)
