"""Assign, revoke, carry out PIM's activations and end each at its own deadline, whoever forgot to say so."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from nuxari_events.envelope import Event
from nuxari_events.ids import uuid7
from nuxari_events.pim import ActivationData, ActivationEndData, ActivationEnded, RoleActivated
from nuxari_events.roles import Role

from services.identity import events
from services.identity.domain import rules
from services.identity.domain.errors import Refusal
from services.identity.domain.model import Assignment, Origin, User, UserStatus
from services.identity.service import tokens
from services.identity.service.acting import BY_THE_CLOCK, Acting, because_of
from services.identity.service.record import record
from services.identity.store import roles as store
from services.identity.store import tenants, users
from shared import due
from shared.persistence.database import Transaction

END_DUE = "assignment_end"
"""Kind of the due work that ends an assignment on time."""

LOOK_AGAIN = timedelta(milliseconds=100)
"""How soon due work comes back to a user whom somebody else decides about right now."""

PIM = "/nuxari/pim"
"""Whose activations are carried out; the same event from anybody else gives nobody a role."""

ROLES_CHANGED = "roles_changed"


async def assign(
    transaction: Transaction, user_id: str, *, role: Role, ends_at: datetime | None, acting: Acting, at: datetime
) -> Assignment | Refusal:
    """Give the role; the edge has checked that the matrix lets the caller, with fresh MFA where the role takes it."""
    await tenants.locked(transaction)
    decision = rules.assign(
        await users.locked(transaction, user_id),
        await store.held_by(transaction, user_id),
        role=role,
        is_administrative=role.is_administrative,
        ends_at=ends_at,
        assignment_id=uuid7(),
        by=acting.actor_id or "",
        at=at,
    )
    if isinstance(decision, Assignment):
        await _begin(transaction, decision, acting=acting)
    facts = {"role": role, "ends_at": ends_at}
    await record(transaction, "role.assign", target=user_id, decision=decision, acting=acting, at=at, facts=facts)
    return decision


async def revoke(
    transaction: Transaction, user_id: str, *, role: Role, reason: str, acting: Acting, at: datetime
) -> Assignment | Refusal:
    """Take a directly assigned role away; the user's tokens are void at once, and the next ones lack the role."""
    await tenants.locked(transaction)
    user = await users.locked(transaction, user_id)
    decision = rules.revoke(
        user,
        await store.held_by(transaction, user_id),
        role=role,
        owners=await store.owners(transaction, at=at),
        by=acting.actor_id or "",
        at=at,
    )
    if isinstance(decision, Assignment) and user is not None:
        await close(transaction, decision, acting=acting)
        await tokens.void(transaction, user, reason=ROLES_CHANGED, acting=acting, at=at)
    facts = {"role": role}
    await record(
        transaction, "role.revoke", target=user_id, decision=decision, acting=acting, at=at, facts=facts, reason=reason
    )
    return decision


async def follow(transaction: Transaction, event: Event, *, at: datetime) -> None:
    """Carry out what PIM announced; what concerns nobody of ours changes nothing."""
    if event.source != PIM:
        return
    match event:
        case RoleActivated():
            await _make_effective(transaction, event.data, acting=because_of(event), at=at)
        case ActivationEnded():
            await _end_effect(transaction, event.data, acting=because_of(event), at=at)
        case _:
            pass


async def expire(transaction: Transaction, assignment_id: str, at: datetime) -> None:
    """End the assignment if its time is used up and nobody ended it before; due work calls this."""
    assignment = await store.found(transaction, assignment_id)
    if assignment is None or assignment.ended_at is not None or assignment.ends_at is None:
        return
    if at < assignment.ends_at:
        await due.schedule(transaction, kind=END_DUE, key=assignment_id, due_at=assignment.ends_at)
    elif not await users.locked_at_once(transaction, assignment.user_id):
        await due.schedule(transaction, kind=END_DUE, key=assignment_id, due_at=at + LOOK_AGAIN)
    elif (still := await store.found(transaction, assignment_id)) and still.ended_at is None:
        await close(transaction, rules.ended(still, by=None, at=at), acting=BY_THE_CLOCK)
        await _record(transaction, still, "expire", acting=BY_THE_CLOCK, at=at)


async def close(transaction: Transaction, ended: Assignment, *, acting: Acting) -> None:
    """Keep and announce the end of an assignment; the caller holds the user's lock."""
    await store.save_end(transaction, ended)
    transaction.announce(events.role_revoked(ended, cause=acting.cause(transaction)))


async def _begin(transaction: Transaction, assignment: Assignment, *, acting: Acting) -> bool:
    """Let the role be held; False if the assignment is known already, ended or not."""
    if not await store.add(transaction, assignment):
        return False
    if assignment.ends_at is not None:
        await due.schedule(transaction, kind=END_DUE, key=assignment.assignment_id, due_at=assignment.ends_at)
    transaction.announce(events.role_assigned(assignment, cause=acting.cause(transaction)))
    return True


async def _make_effective(transaction: Transaction, data: ActivationData, *, acting: Acting, at: datetime) -> None:
    """Give the role for the activation's time, unless it is over, the user is gone, or the role is none of ours."""
    user = await users.locked(transaction, data.user_id)
    if user is None or user.status is not UserStatus.ACTIVE or data.ends_at <= at or data.role not in set(Role):
        return
    assignment = Assignment(
        assignment_id=data.activation_id,
        user_id=user.user_id,
        role=data.role,
        origin=Origin.PIM,
        begins_at=data.starts_at,
        ends_at=data.ends_at,
        assigned_by=acting.actor_id,
    )
    if await _begin(transaction, assignment, acting=acting):
        await _record(transaction, assignment, "activate", acting=acting, at=at)


async def _end_effect(transaction: Transaction, data: ActivationEndData, *, acting: Acting, at: datetime) -> None:
    """Take the role back; an end that comes before its beginning is kept, so that the beginning has no effect.

    Only what carries out this activation of this user is ended: never an assignment that happens to have its id.
    """
    user = await users.locked(transaction, data.user_id)
    if user is None:
        return
    assignment = await store.found(transaction, data.activation_id)
    if assignment is None:
        await store.add(transaction, _ended_before_it_began(data, user))
    elif assignment.ended_at is None and (assignment.activation_id, assignment.user_id) == (
        data.activation_id,
        data.user_id,
    ):
        await close(transaction, rules.ended(assignment, by=acting.actor_id, at=data.ended_at), acting=acting)
        await tokens.void(transaction, user, reason=ROLES_CHANGED, acting=acting, at=at)
        await _record(transaction, assignment, "deactivate", acting=acting, at=at)


def _ended_before_it_began(data: ActivationEndData, user: User) -> Assignment:
    begun = Assignment(
        assignment_id=data.activation_id,
        user_id=user.user_id,
        role=data.role,
        origin=Origin.PIM,
        begins_at=data.ended_at,
    )
    return replace(begun, ended_at=data.ended_at)


async def _record(transaction: Transaction, assignment: Assignment, act: str, *, acting: Acting, at: datetime) -> None:
    facts = {"role": assignment.role, "assignment_id": assignment.assignment_id, "ends_at": assignment.ends_at}
    target = assignment.user_id
    await record(transaction, f"role.{act}", target=target, decision=assignment, acting=acting, at=at, facts=facts)
