"""Invite, invite again, accept: a user begins with a one-time link and a password of their own."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from nuxari_events.ids import uuid7
from nuxari_events.roles import ADMINISTRATIVE, Role

from services.identity import events
from services.identity.domain import credentials, rules
from services.identity.domain.credentials import Ticket
from services.identity.domain.errors import Refusal
from services.identity.domain.model import Assignment, Invitation, Origin, User, UserStatus
from services.identity.service.acting import Acting
from services.identity.service.record import record
from services.identity.store import invitations as store
from services.identity.store import roles, tenants, users
from shared.persistence.database import Transaction

BAD_EMAIL = Refusal("bad-email", "an address such as olga@acme.example is needed, its domain in ASCII form")
KNOWN = Refusal("already-a-user", "the tenant has a user with this address")
NO_SUCH_LINK = Refusal("link-invalid", "the link was used, replaced or withdrawn, has run out, or is none of ours")


@dataclass(frozen=True, kw_only=True)
class Invited:
    """Somebody who may become a user, and the link that is shown once."""

    user: User
    link: Ticket
    expires_at: datetime


async def invite(
    transaction: Transaction, *, email: str, roles_given: Sequence[str], acting: Acting, at: datetime
) -> Invited | Refusal:
    """Invite somebody with the roles they will hold; the edge has checked that the caller may assign each."""
    await tenants.locked(transaction)
    decision = await _invited(transaction, email, roles_given=roles_given, acting=acting, at=at)
    await record(
        transaction,
        "user.invite",
        target=decision.user.user_id if isinstance(decision, Invited) else "",
        decision=decision,
        acting=acting,
        at=at,
        facts={"roles": list(roles_given)},
    )
    return decision


async def invite_again(
    transaction: Transaction, user_id: str, *, has_fresh_mfa: bool, acting: Acting, at: datetime
) -> Invited | Refusal:
    """Give somebody who has not accepted yet a new link; earlier ones work no more."""
    user = rules.invite_again(
        await users.locked(transaction, user_id),
        await roles.held_by(transaction, user_id),
        assignable={role for role in Role if acting.may_assign(role)},
        administrative=ADMINISTRATIVE,
        has_fresh_mfa=has_fresh_mfa,
        at=at,
    )
    decision = user if isinstance(user, Refusal) else await _with_link(transaction, user, at=at)
    await record(transaction, "user.invite_again", target=user_id, decision=decision, acting=acting, at=at, facts={})
    return decision


async def behind(transaction: Transaction, link: Ticket, *, at: datetime) -> User | None:
    """Return whom the link invites, None if it works no more."""
    invitation = await store.found(transaction, link.entity_id)
    if invitation is None or not hmac.compare_digest(invitation.secret_hash, link.secret_hash):
        return None
    if invitation.used_at is not None or at >= invitation.expires_at:
        return None
    user = await users.found(transaction, invitation.user_id)
    return user if user is not None and user.status is UserStatus.INVITED else None


async def accept(
    transaction: Transaction, link: Ticket, *, password_hash: str, acting: Acting, at: datetime
) -> User | Refusal:
    """Make the invited person a user with that password; of two who use the link at once, the second is refused.

    Failures before count no more: nobody can have guessed a password that there was not.
    """
    invited = await behind(transaction, link, at=at)
    if invited is None:
        return NO_SUCH_LINK
    await users.locked(transaction, invited.user_id)
    invited = await behind(transaction, link, at=at)
    if invited is None:
        return NO_SUCH_LINK
    user = replace(credentials.unlocked(invited), status=UserStatus.ACTIVE, changed_at=at)
    await store.use(transaction, link.entity_id, at=at)
    await users.set_password_hash(transaction, user.user_id, password_hash)
    await users.save(transaction, user)
    itself = replace(acting, actor_id=user.user_id)
    transaction.announce(events.user_activated(user, cause=itself.cause(transaction)))
    await record(transaction, "user.accept", target=user.user_id, decision=user, acting=itself, at=at, facts={})
    return user


async def new_link(transaction: Transaction, user: User, *, at: datetime) -> tuple[Ticket, Invitation]:
    """Make the user's one link that works."""
    invitation_id = uuid7()
    tenant_id = transaction.tenant_id or ""
    link = credentials.new_ticket(credentials.INVITATION, tenant_id=tenant_id, entity_id=invitation_id)
    invitation = Invitation(
        invitation_id=invitation_id,
        user_id=user.user_id,
        secret_hash=link.secret_hash,
        expires_at=at + credentials.INVITATION_LIFE,
    )
    await store.replace(transaction, invitation)
    return link, invitation


async def _invited(
    transaction: Transaction, email: str, *, roles_given: Sequence[str], acting: Acting, at: datetime
) -> Invited | Refusal:
    address = credentials.normal_email(email)
    if address is None:
        return BAD_EMAIL
    user = User(
        user_id=uuid7(),
        email=address,
        status=UserStatus.INVITED,
        invited_by=acting.actor_id,
        invited_at=at,
        changed_at=at,
    )
    if not await users.add(transaction, user):
        return KNOWN
    transaction.announce(events.user_invited(user, cause=acting.cause(transaction)))
    for role in roles_given:
        await _give(transaction, user, role, acting=acting, at=at)
    return await _with_link(transaction, user, at=at)


async def _with_link(transaction: Transaction, user: User, *, at: datetime) -> Invited:
    link, invitation = await new_link(transaction, user, at=at)
    return Invited(user=user, link=link, expires_at=invitation.expires_at)


async def _give(transaction: Transaction, user: User, role: str, *, acting: Acting, at: datetime) -> None:
    assignment = Assignment(
        assignment_id=uuid7(),
        user_id=user.user_id,
        role=role,
        origin=Origin.DIRECT,
        begins_at=at,
        assigned_by=acting.actor_id,
    )
    await roles.add(transaction, assignment)
    transaction.announce(events.role_assigned(assignment, cause=acting.cause(transaction)))
