"""Every decision in the audit log: who, what, from where, why, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.identity.domain.errors import Refusal
from services.identity.service.acting import Acting
from shared import audit
from shared.persistence.database import Transaction


async def record(
    transaction: Transaction,
    action: str,
    *,
    target: str,
    decision: object,
    acting: Acting,
    at: datetime,
    facts: Mapping[str, object],
    reason: str | None = None,
) -> None:
    """Append one decision to the tenant's audit log; a refusal is recorded under its code."""
    event = acting.event
    await audit.record(
        transaction,
        at=at,
        actor_id=acting.actor_id,
        action=f"identity.{action}",
        target=target,
        detail=facts,
        outcome=decision.code if isinstance(decision, Refusal) else audit.DONE,
        reason=reason,
        ip=acting.address,
        session_id=acting.session_id,
        correlation_id=(event.correlationid or event.id) if event else acting.correlation_id,
    )
