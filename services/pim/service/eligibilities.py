"""Who may become privileged: grant, revoke, lapse; what rests on an eligibility ends with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from nuxari_events.ids import uuid7

from services.pim import events
from services.pim.domain import rules
from services.pim.domain.errors import Refusal
from services.pim.domain.model import Eligibility, EligibilityEndReason, EndReason
from services.pim.service import activations
from services.pim.service.acting import BY_THE_CLOCK, Acting
from services.pim.service.record import record
from services.pim.service.role_settings import policy_of, settings_of
from services.pim.store import activations as activation_store
from services.pim.store import eligibilities as store
from services.pim.store import people
from shared import due
from shared.persistence.database import Transaction

END_DUE = "eligibility_end"
"""Kind of the due work that lets an eligibility lapse."""

NOT_FOUND = Refusal("not-found", "there is no such eligibility")
OVER = Refusal("eligibility-over", "the eligibility is over already")


async def grant(transaction: Transaction, wish: rules.Grant, *, acting: Acting, at: datetime) -> Eligibility | Refusal:
    """Make a user eligible for a role, from now or later, until an end or for good."""
    decision = rules.grant(
        wish,
        eligibility_id=uuid7(),
        user=await people.locked(transaction, wish.user_id),
        by=acting.actor_id or "",
        may_grant_role=acting.may_assign(wish.role),
        at=at,
    )
    if isinstance(decision, Eligibility):
        await _begin(transaction, decision, acting=acting)
    await _record(
        transaction,
        "grant",
        decision,
        target=decision.eligibility_id if isinstance(decision, Eligibility) else wish.user_id,
        facts={"user_id": wish.user_id, "role": wish.role, "starts_at": wish.starts_at, "ends_at": wish.ends_at},
        acting=acting,
        at=at,
        reason=wish.reason,
    )
    return decision


async def revoke(
    transaction: Transaction, eligibility_id: str, *, reason: str, acting: Acting, at: datetime
) -> Eligibility | Refusal:
    """Take the eligibility back and end, in the same breath, what was activated through it."""
    eligibility = await store.found(transaction, eligibility_id)
    if eligibility is None:
        return await _not_found(transaction, eligibility_id, acting=acting, at=at, reason=reason)
    await people.locked(transaction, eligibility.user_id)
    decision = _revocation(await store.found(transaction, eligibility_id), acting=acting, at=at)
    if isinstance(decision, Eligibility):
        await close(transaction, decision, acting=acting, at=at, act="revoke", reason=reason)
        await _end_what_rests_on(decision, transaction, acting=acting, at=at)
    else:
        await _record_end(transaction, eligibility, decision, act="revoke", acting=acting, at=at, reason=reason)
    return decision


async def lapse(transaction: Transaction, eligibility_id: str, at: datetime) -> None:
    """End the eligibility if its time is used up and nobody ended it before; due work calls this."""
    eligibility = await store.found(transaction, eligibility_id)
    if eligibility is None or eligibility.end is not None or eligibility.ends_at is None:
        return
    if at < eligibility.ends_at:
        await due.schedule(transaction, kind=END_DUE, key=eligibility_id, due_at=eligibility.ends_at)
    elif not await people.locked_at_once(transaction, eligibility.user_id):
        await due.schedule(transaction, kind=END_DUE, key=eligibility_id, due_at=at + activations.LOOK_AGAIN)
    elif (still := await store.found(transaction, eligibility_id)) and still.end is None:
        await close(transaction, rules.lapsed(still), acting=BY_THE_CLOCK, at=at, act="lapse")


async def close(
    transaction: Transaction, ended: Eligibility, *, acting: Acting, at: datetime, act: str, reason: str | None = None
) -> None:
    """Keep, announce and record the end of an eligibility; the caller holds the user's lock."""
    await store.save_end(transaction, ended)
    tenant_id = transaction.tenant_id or ""
    transaction.announce(events.eligibility_ended(ended, tenant_id=tenant_id, cause=acting.cause))
    await _record_end(transaction, ended, ended, act=act, acting=acting, at=at, reason=reason)


async def _begin(transaction: Transaction, eligibility: Eligibility, *, acting: Acting) -> None:
    await store.add(transaction, eligibility)
    if eligibility.ends_at is not None:
        await due.schedule(transaction, kind=END_DUE, key=eligibility.eligibility_id, due_at=eligibility.ends_at)
    tenant_id = transaction.tenant_id or ""
    transaction.announce(events.eligibility_granted(eligibility, tenant_id=tenant_id, cause=acting.cause))


def _revocation(eligibility: Eligibility | None, *, acting: Acting, at: datetime) -> Eligibility | Refusal:
    if eligibility is None:
        return NOT_FOUND
    if eligibility.is_over(at):
        return OVER
    if not acting.may_assign(eligibility.role):
        return rules.OUT_OF_REACH
    return rules.taken_back(eligibility, reason=EligibilityEndReason.REVOKED, by=acting.actor_id, at=at)


async def _end_what_rests_on(
    eligibility: Eligibility, transaction: Transaction, *, acting: Acting, at: datetime
) -> None:
    open_now = await activation_store.open_of(transaction, eligibility.user_id)
    ended = [
        rules.ended_early(activation, reason=EndReason.REVOKED, by=acting.actor_id, at=at)
        for activation in open_now
        if activation.eligibility_id == eligibility.eligibility_id and activation.is_live(at)
    ]
    await activations.close(transaction, ended, acting=acting, at=at, note="the eligibility was revoked")


async def _record_end(
    transaction: Transaction,
    eligibility: Eligibility,
    decision: Eligibility | Refusal,
    *,
    act: str,
    acting: Acting,
    at: datetime,
    reason: str | None,
) -> None:
    facts = {
        "user_id": eligibility.user_id,
        "role": eligibility.role,
        "ended_at": eligibility.end.at if eligibility.end else None,
    }
    target = eligibility.eligibility_id
    await _record(transaction, act, decision, target=target, facts=facts, acting=acting, at=at, reason=reason)


async def _record(
    transaction: Transaction,
    act: str,
    decision: Eligibility | Refusal,
    *,
    target: str,
    facts: Mapping[str, object],
    acting: Acting,
    at: datetime,
    reason: str | None,
) -> None:
    """Record it with the settings of the role, which say what the eligibility is worth."""
    await record(
        transaction,
        f"eligibility.{act}",
        target=target,
        decision=decision,
        policy=policy_of(await settings_of(transaction, str(facts["role"]))),
        acting=acting,
        at=at,
        facts=facts,
        reason=reason,
    )


async def _not_found(
    transaction: Transaction, eligibility_id: str, *, acting: Acting, at: datetime, reason: str
) -> Refusal:
    """Record who asked for what is not there."""
    await record(
        transaction,
        "eligibility.revoke",
        target=eligibility_id,
        decision=NOT_FOUND,
        acting=acting,
        at=at,
        facts={},
        reason=reason,
    )
    return NOT_FOUND
