"""Deactivate, reactivate, unlock: what becomes of a user, and at once of everything that is the user's."""

from __future__ import annotations

from datetime import datetime

from nuxari_events.roles import Role

from services.identity import events
from services.identity.domain import credentials, rules
from services.identity.domain.errors import Refusal
from services.identity.domain.model import User, UserStatus
from services.identity.service import roles, sessions
from services.identity.service.acting import Acting
from services.identity.service.record import record
from services.identity.store import invitations, tenants
from services.identity.store import roles as role_store
from services.identity.store import users as store
from shared.persistence.database import Transaction


async def deactivate(
    transaction: Transaction, user_id: str, *, reason: str, acting: Acting, at: datetime
) -> User | Refusal:
    """Keep the user out: sessions, tokens, roles and open links end now.

    The tenant's row is locked: of two owners who deactivate each other at once, one stays.
    """
    await tenants.locked(transaction)
    user = await store.locked(transaction, user_id)
    decision = rules.deactivate(
        user,
        await role_store.held_by(transaction, user_id),
        owners=await role_store.owners(transaction, at=at),
        revocable={role for role in Role if acting.may_assign(role)},
        by=acting.actor_id or "",
        at=at,
    )
    if isinstance(decision, User):
        await _end_all(transaction, decision, reason=reason, acting=acting, at=at)
    await record(
        transaction, "user.deactivate", target=user_id, decision=decision, acting=acting, at=at, facts={}, reason=reason
    )
    return decision


async def reactivate(
    transaction: Transaction, user_id: str, *, reason: str, acting: Acting, at: datetime
) -> User | Refusal:
    """Let the user in again, without any of the roles held before."""
    await tenants.locked(transaction)
    user = await store.locked(transaction, user_id)
    has_password = await store.password_hash(transaction, user_id) is not None
    decision = rules.reactivate(user, has_password=has_password, at=at)
    if isinstance(decision, User):
        await store.save(transaction, decision)
        is_back = decision.status is UserStatus.ACTIVE
        announcement = events.user_activated if is_back else events.user_invited
        transaction.announce(announcement(decision, cause=acting.cause(transaction)))
    await record(
        transaction, "user.reactivate", target=user_id, decision=decision, acting=acting, at=at, facts={}, reason=reason
    )
    return decision


async def unlock(transaction: Transaction, user_id: str, *, acting: Acting, at: datetime) -> User | Refusal:
    """Let a user who failed too often try again now."""
    user = await store.locked(transaction, user_id)
    decision: User | Refusal = rules.NO_SUCH_USER if user is None else credentials.unlocked(user)
    if isinstance(decision, User):
        await store.save(transaction, decision)
    await record(transaction, "user.unlock", target=user_id, decision=decision, acting=acting, at=at, facts={})
    return decision


async def sign_out_everywhere(
    transaction: Transaction, user_id: str, *, reason: str, acting: Acting, at: datetime
) -> User | Refusal:
    """End every session of the user; the user may sign in again."""
    user = await store.locked(transaction, user_id)
    decision = user or rules.NO_SUCH_USER
    if isinstance(decision, User):
        await sessions.end_all(transaction, decision, reason="revoked", acting=acting, at=at)
    await record(
        transaction, "session.end_all", target=user_id, decision=decision, acting=acting, at=at, facts={}, reason=reason
    )
    return decision


async def _end_all(transaction: Transaction, user: User, *, reason: str, acting: Acting, at: datetime) -> None:
    """Announce the deactivation first: who reads the stream sees the cause before what follows from it."""
    await store.save(transaction, user)
    transaction.announce(events.user_deactivated(user, reason=reason, cause=acting.cause(transaction)))
    await sessions.end_all(transaction, user, reason="user_deactivated", acting=acting, at=at)
    for assignment in await role_store.held_by(transaction, user.user_id):
        await roles.close(transaction, rules.ended(assignment, by=acting.actor_id, at=at), acting=acting)
    await invitations.void(transaction, user.user_id)
