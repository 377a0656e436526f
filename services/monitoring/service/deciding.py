"""Another person decides on a change that weakens detections; what nobody answers dies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from services.monitoring.domain import change_requests as domain
from services.monitoring.domain.change_requests import ChangeRequest
from services.monitoring.domain.configuration import Configuration
from services.monitoring.domain.errors import Refusal
from services.monitoring.domain.governance import Set
from services.monitoring.service.acting import Acting, record
from services.monitoring.service.committing import commit
from services.monitoring.service.rulebooks import Rulebooks
from services.monitoring.store import change_requests, configurations
from services.monitoring.store.configurations import Made
from shared import audit
from shared.persistence.database import Transaction

UNKNOWN = Refusal("not-found", "there is no such change request")

Decision = ChangeRequest | Refusal


async def approve(
    transaction: Transaction, change_id: str, *, rulebooks: Rulebooks, reason: str | None, acting: Acting, at: datetime
) -> Decision:
    """Let the change be made, by another person than who asked for it."""
    await configurations.lock(transaction)
    current = await configurations.current(transaction)
    decision = await _decide(
        transaction,
        change_id,
        lambda request: domain.approve(
            request, by=acting.actor_id, current_version=current.version, reason=reason, at=at
        ),
        action="approve",
        acting=acting,
        at=at,
    )
    if isinstance(decision, ChangeRequest):
        await _make(transaction, decision, current, rulebooks=rulebooks, acting=acting, at=at)
    return decision


async def deny(
    transaction: Transaction, change_id: str, *, reason: str | None, acting: Acting, at: datetime
) -> Decision:
    """Let the change not be made, by another person than who asked for it."""
    return await _decide(
        transaction,
        change_id,
        lambda request: domain.deny(request, by=acting.actor_id, reason=reason, at=at),
        action="deny",
        acting=acting,
        at=at,
    )


async def withdraw(transaction: Transaction, change_id: str, *, acting: Acting, at: datetime) -> Decision:
    """Take the request back."""
    return await _decide(
        transaction,
        change_id,
        lambda request: domain.withdraw(request, by=acting.actor_id, at=at),
        action="withdraw",
        acting=acting,
        at=at,
    )


async def expire(transaction: Transaction, change_id: str, at: datetime) -> None:
    """Let a request die that nobody answered in time; of one that was answered nothing is left to do."""
    request = await change_requests.by_id(transaction, change_id, locked=True)
    decision = None if request is None else domain.expire(request, at=at)
    if isinstance(decision, ChangeRequest):
        await change_requests.decided(transaction, decision)
        await audit.record(
            transaction, at=at, actor_id=None, action="monitoring.change_request.expire", target=change_id, detail={}
        )


async def _decide(
    transaction: Transaction,
    change_id: str,
    decide: Callable[[ChangeRequest], Decision],
    *,
    action: str,
    acting: Acting,
    at: datetime,
) -> Decision:
    """Decide on the request as it is now, keep that, and enter it in the audit log, a refusal too."""
    request = await change_requests.by_id(transaction, change_id, locked=True)
    if request is None:
        return UNKNOWN
    decision = decide(request)
    if isinstance(decision, ChangeRequest):
        await change_requests.decided(transaction, decision)
    await record(
        transaction,
        f"change_request.{action}",
        target=change_id,
        decision=decision,
        acting=acting,
        at=at,
        facts={
            "requested_by": request.requested_by,
            "base_version": request.base_version,
            "about_requester": request.about_requester,
        },
        reason=decision.decision_reason if isinstance(decision, ChangeRequest) else None,
    )
    return decision


async def _make(
    transaction: Transaction,
    request: ChangeRequest,
    current: Configuration,
    *,
    rulebooks: Rulebooks,
    acting: Acting,
    at: datetime,
) -> None:
    before = await rulebooks.as_far_as_readable(current.own_rules)
    after = await rulebooks.as_far_as_readable(request.wanted.own_rules)
    made = Made(
        version=current.version + 1,
        changed_by=request.requested_by,
        changed_at=at,
        reason=request.reason,
        action=request.action,
        restored_version=request.restored_version,
        change_id=request.change_id,
    )
    await commit(
        transaction,
        Set(current.without_ended(at), before.facts),
        Set(request.wanted.without_ended(at), after.facts),
        made=made,
        acting=acting,
        at=at,
    )
