"""What follows from one try to send a message: kept, announced and audited where it ends what admins have set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.monitoring import outbound_events
from services.monitoring.domain.outbound import Delivery, Outcome, after
from services.monitoring.store import outbound_queue, outbound_targets
from shared import audit
from shared.persistence.database import Transaction


@dataclass(frozen=True, kw_only=True)
class Tried:
    """How one try ended."""

    outcome: Outcome
    status: int | None
    took: timedelta


async def keep(
    transaction: Transaction, delivery: Delivery, *, target_id: str, tried: Tried, chance: float, at: datetime
) -> None:
    """Keep how a try ended and give the target back; of a target that was removed meanwhile, nothing is kept.

    Args:
        transaction: of the tenant.
        delivery: as it was taken.
        target_id: where it was sent.
        tried: how that ended.
        chance: from `[0, 1)`, for the jitter of the next try.
        at: when it ended.
    """
    target = await outbound_targets.by_id(transaction, target_id, lock=True)
    if target is None:
        return
    follows = after(delivery, target.health, tried.outcome, kind=target.kind, chance=chance, at=at)
    await outbound_queue.keep_try(
        transaction, delivery, follows, outcome=tried.outcome, status=tried.status, took=tried.took, at=at
    )
    reason, health = follows.disabled_reason, follows.health
    await outbound_targets.save_health(transaction, target_id, health, disabled_reason=reason, at=at)
    await outbound_queue.settle(transaction, target_id, rests_until=follows.rests_until, is_enabled=health.is_enabled)
    if reason is not None:
        transaction.announce(
            outbound_events.disabled(
                target_id,
                kind=target.kind,
                name=target.name,
                reason=reason,
                failing_since=health.failing_since,
                tenant_id=transaction.tenant_id or "",
                at=at,
            )
        )
        await audit.record(
            transaction,
            at=at,
            actor_id=None,
            action=f"monitoring.{target.kind.value}.disable",
            target=target_id,
            detail={"name": target.name, "reason": reason, "failing_since": health.failing_since},
        )


async def give_back(transaction: Transaction, target_id: str, *, at: datetime) -> None:
    """Give a target back for which there was nothing to send."""
    target = await outbound_targets.by_id(transaction, target_id, lock=True)
    is_enabled = target is not None and target.health.is_enabled
    await outbound_queue.settle(transaction, target_id, rests_until=at, is_enabled=is_enabled)
