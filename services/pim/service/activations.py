"""Roles for a limited time: activate, withdraw, revoke, expire; each activation ends exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from nuxari_events.ids import uuid7

from services.pim import events
from services.pim.domain import rules
from services.pim.domain.errors import Refusal
from services.pim.domain.model import Activation, ActivationState, Eligibility, EndReason
from services.pim.service.acting import BY_THE_CLOCK, Acting
from services.pim.service.record import record
from services.pim.service.role_settings import policy_of, settings_of
from services.pim.store import activations as store
from services.pim.store import eligibilities, people
from shared import due
from shared.persistence.database import Transaction

END_DUE = "activation_end"
"""Kind of the due work that ends an activation on time."""

LOOK_AGAIN = timedelta(milliseconds=100)
"""How soon due work comes back to a user whom somebody else decides about right now."""

NOT_FOUND = Refusal("not-found", "there is no such activation")
OVER = Refusal("activation-over", "the activation is over already")
OWN = Refusal("own-activation", "this is the caller's own activation: withdraw it")


async def activate(
    transaction: Transaction, wish: rules.ActivationWish, *, has_fresh_mfa: bool, acting: Acting, at: datetime
) -> Activation | Refusal:
    """Make an eligible role effective for a while.

    The user's row is locked from here: a deactivation that comes at the same time either is seen now or ends this.
    """
    user = await people.locked(transaction, wish.user_id)
    eligibility = await eligibilities.found(transaction, wish.eligibility_id)
    settings = await settings_of(transaction, eligibility.role) if eligibility else None
    decision = rules.activate(
        wish,
        activation_id=uuid7(),
        user=user,
        eligibility=eligibility,
        settings=settings,
        policy=policy_of(settings) if settings else None,
        has_fresh_mfa=has_fresh_mfa,
        at=at,
    )
    if isinstance(decision, Activation):
        await _begin(transaction, decision, acting=acting)
    await record(
        transaction,
        "activation.activate",
        target=decision.activation_id if isinstance(decision, Activation) else wish.eligibility_id,
        decision=decision,
        policy=policy_of(settings) if settings else None,
        acting=acting,
        at=at,
        facts=_asked(wish, eligibility, decision),
        reason=wish.justification.strip(),
    )
    return decision


async def withdraw(
    transaction: Transaction, activation_id: str, *, user_id: str, acting: Acting, at: datetime
) -> Activation | Refusal:
    """Let the holder give the role back early; somebody else's activation is not found."""
    await people.locked(transaction, user_id)
    activation = await store.found(transaction, activation_id)
    if activation is None or activation.user_id != user_id:
        return await _not_found(transaction, activation_id, act="withdraw", acting=acting, at=at)
    decision = _early_end(activation, reason=EndReason.WITHDRAWN, acting=acting, at=at)
    return await _ended(transaction, activation, decision, act="withdraw", acting=acting, at=at)


async def revoke(
    transaction: Transaction, activation_id: str, *, reason: str, acting: Acting, at: datetime
) -> Activation | Refusal:
    """End somebody else's activation at once."""
    activation = await store.found(transaction, activation_id)
    if activation is None:
        return await _not_found(transaction, activation_id, act="revoke", acting=acting, at=at, note=reason)
    await people.locked(transaction, activation.user_id)
    activation = await store.found(transaction, activation_id) or activation
    decision = _revocation(activation, acting=acting, at=at)
    return await _ended(transaction, activation, decision, act="revoke", acting=acting, at=at, note=reason)


async def expire(transaction: Transaction, activation_id: str, at: datetime) -> None:
    """End the activation if its time is used up and nobody ended it before; due work calls this."""
    activation = await store.found(transaction, activation_id)
    if activation is None or activation.end is not None:
        return
    if at < activation.ends_at:
        await due.schedule(transaction, kind=END_DUE, key=activation_id, due_at=activation.ends_at)
    elif not await people.locked_at_once(transaction, activation.user_id):
        await due.schedule(transaction, kind=END_DUE, key=activation_id, due_at=at + LOOK_AGAIN)
    elif (still := await store.found(transaction, activation_id)) and still.end is None:
        await close(transaction, [rules.expired(still)], acting=BY_THE_CLOCK, at=at, act="expire")


async def close(
    transaction: Transaction,
    ended: Sequence[Activation],
    *,
    acting: Acting,
    at: datetime,
    act: str = "revoke",
    note: str | None = None,
) -> None:
    """Keep, announce and record ends of one user's activations; the caller holds the user's lock."""
    if not ended:
        return
    for activation in ended:
        await store.save_end(transaction, activation)
    others = await store.open_of(transaction, ended[0].user_id)
    for activation in ended:
        await _announce_end(transaction, activation, others=others, acting=acting, note=note)
        await _record_end(transaction, activation, activation, act=act, acting=acting, at=at, note=note)


async def _begin(transaction: Transaction, activation: Activation, *, acting: Acting) -> None:
    await store.add(transaction, activation)
    await due.schedule(transaction, kind=END_DUE, key=activation.activation_id, due_at=activation.ends_at)
    step = store.Step(
        at=activation.starts_at, kind="activated", actor_id=activation.user_id, note=activation.justification
    )
    await store.add_step(transaction, activation.activation_id, step)
    tenant_id = transaction.tenant_id or ""
    transaction.announce(events.role_activated(activation, tenant_id=tenant_id, cause=acting.cause))


async def _ended(
    transaction: Transaction,
    activation: Activation,
    decision: Activation | Refusal,
    *,
    act: str,
    acting: Acting,
    at: datetime,
    note: str | None = None,
) -> Activation | Refusal:
    """Carry out an early end, or record why there is none."""
    if isinstance(decision, Activation):
        await close(transaction, [decision], acting=acting, at=at, act=act, note=note)
    else:
        await _record_end(transaction, activation, decision, act=act, acting=acting, at=at, note=note)
    return decision


def _revocation(activation: Activation, *, acting: Acting, at: datetime) -> Activation | Refusal:
    if activation.user_id == acting.actor_id:
        return OWN
    if not acting.may_assign(activation.role):
        return rules.OUT_OF_REACH
    return _early_end(activation, reason=EndReason.REVOKED, acting=acting, at=at)


def _early_end(activation: Activation, *, reason: EndReason, acting: Acting, at: datetime) -> Activation | Refusal:
    if activation.state(at) is not ActivationState.ACTIVE:
        return OVER
    return rules.ended_early(activation, reason=reason, by=acting.actor_id, at=at)


async def _announce_end(
    transaction: Transaction,
    activation: Activation,
    *,
    others: Sequence[Activation],
    acting: Acting,
    note: str | None,
) -> None:
    if activation.end is None:
        raise ValueError("the activation did not end")
    step = store.Step(at=activation.end.at, kind=activation.end.reason.value, actor_id=activation.end.by, note=note)
    await store.add_step(transaction, activation.activation_id, step)
    held_until = rules.still_held_until(activation, others)
    tenant_id = transaction.tenant_id or ""
    transaction.announce(
        events.activation_ended(activation, still_held_until=held_until, tenant_id=tenant_id, cause=acting.cause)
    )


async def _record_end(
    transaction: Transaction,
    activation: Activation,
    decision: Activation | Refusal,
    *,
    act: str,
    acting: Acting,
    at: datetime,
    note: str | None,
) -> None:
    await record(
        transaction,
        f"activation.{act}",
        target=activation.activation_id,
        decision=decision,
        policy=activation.policy,
        acting=acting,
        at=at,
        facts={
            "user_id": activation.user_id,
            "role": activation.role,
            "ended_at": activation.end.at if activation.end else None,
        },
        reason=note,
    )


async def _not_found(
    transaction: Transaction, activation_id: str, *, act: str, acting: Acting, at: datetime, note: str | None = None
) -> Refusal:
    """Record who asked for what is not there, or not theirs."""
    await record(
        transaction,
        f"activation.{act}",
        target=activation_id,
        decision=NOT_FOUND,
        acting=acting,
        at=at,
        facts={},
        reason=note,
    )
    return NOT_FOUND


def _asked(
    wish: rules.ActivationWish, eligibility: Eligibility | None, decision: Activation | Refusal
) -> dict[str, object]:
    return {
        "user_id": wish.user_id,
        "eligibility_id": wish.eligibility_id,
        "role": eligibility.role if eligibility else None,
        "duration_seconds": wish.duration,
        "ends_at": decision.ends_at if isinstance(decision, Activation) else None,
    }
