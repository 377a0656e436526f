"""Every decision in the audit log: who, what, from where, under which policy version, why, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.pim.domain.errors import Refusal
from services.pim.domain.model import PolicyUsed
from services.pim.service.acting import Acting
from shared import audit
from shared.persistence.database import Transaction


async def record(  # noqa: PLR0913 - a decision has that many facts
    transaction: Transaction,
    action: str,
    *,
    target: str,
    decision: object,
    acting: Acting,
    at: datetime,
    facts: Mapping[str, object],
    policy: PolicyUsed | None = None,
    reason: str | None = None,
) -> None:
    """Append one decision to the tenant's audit log; a refusal is recorded under its code."""
    await audit.record(
        transaction,
        at=at,
        actor_id=acting.actor_id,
        action=f"pim.{action}",
        target=target,
        detail={**facts, **acting.origin},
        outcome=decision.code if isinstance(decision, Refusal) else audit.DONE,
        reason=reason,
        policy=None if policy is None else {"version": policy.version, "digest": policy.digest},
        ip=acting.address,
        session_id=acting.session_id,
        correlation_id=acting.cause.correlation,
    )
