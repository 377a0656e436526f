"""Who acts and from where: what a use case passes on to announcements and to the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.monitoring.domain.errors import Refusal
from shared import audit
from shared.persistence.database import Transaction


@dataclass(frozen=True, kw_only=True)
class Acting:
    """A caller."""

    actor_id: str
    session_id: str | None = None
    address: str | None = None
    correlation_id: str | None = None


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
    await audit.record(
        transaction,
        at=at,
        actor_id=acting.actor_id,
        action=f"monitoring.{action}",
        target=target,
        detail=facts,
        outcome=decision.code if isinstance(decision, Refusal) else audit.DONE,
        reason=reason,
        ip=acting.address,
        session_id=acting.session_id,
        correlation_id=acting.correlation_id,
    )
