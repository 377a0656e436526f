"""Every decision in the audit log: who, what, from where, why, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.credential_governance.domain.errors import Refusal
from services.credential_governance.service.acting import Acting
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
) -> None:
    """Append one decision to the tenant's audit log; a refusal is recorded under its code."""
    await audit.record(
        transaction,
        at=at,
        actor_id=acting.actor_id,
        action=f"credential.{action}",
        target=target,
        detail={**facts, **acting.origin},
        outcome=decision.code if isinstance(decision, Refusal) else audit.DONE,
        ip=acting.address,
        session_id=acting.session_id,
        correlation_id=acting.cause.correlation,
    )
