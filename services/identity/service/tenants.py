"""A new tenant, and the one-time link that makes its first owner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nuxari_events.ids import uuid7
from nuxari_events.roles import Role

from services.identity import events
from services.identity.domain.credentials import Ticket, normal_email
from services.identity.domain.errors import Refusal
from services.identity.domain.model import Assignment, Origin, Tenant, User, UserStatus
from services.identity.service.acting import BY_THE_PLATFORM
from services.identity.service.invitations import BAD_EMAIL, new_link
from services.identity.service.record import record
from services.identity.store import roles, tenants, users
from shared.persistence.database import Transaction

LONGEST_NAME = 256


@dataclass(frozen=True, kw_only=True)
class NewTenant:
    """A tenant with its first owner, who has not accepted yet."""

    tenant: Tenant
    owner: User
    link: Ticket
    expires_at: datetime


async def create(transaction: Transaction, *, name: str, owner_email: str, at: datetime) -> NewTenant | Refusal:
    """Make a tenant and invite its first owner; the transaction enters the tenant."""
    email = normal_email(owner_email)
    if email is None:
        return BAD_EMAIL
    if not (name := name.strip()) or len(name) > LONGEST_NAME or not name.isprintable():
        return Refusal("bad-name", f"a tenant's name is one line of 1 to {LONGEST_NAME} characters")
    tenant = Tenant(tenant_id=uuid7(), name=name, created_at=at)
    await transaction.enter(tenant.tenant_id)
    await tenants.add(transaction, tenant)
    transaction.announce(events.tenant_created(tenant, cause=BY_THE_PLATFORM.cause(transaction)))
    owner, assignment = _first_owner(email, at=at)
    await users.add(transaction, owner)
    await roles.add(transaction, assignment)
    transaction.announce(events.user_invited(owner, cause=BY_THE_PLATFORM.cause(transaction)))
    transaction.announce(events.role_assigned(assignment, cause=BY_THE_PLATFORM.cause(transaction)))
    link, invitation = await new_link(transaction, owner, at=at)
    facts = {"name": name, "owner_id": owner.user_id}
    await record(
        transaction,
        "tenant.create",
        target=tenant.tenant_id,
        decision=tenant,
        acting=BY_THE_PLATFORM,
        at=at,
        facts=facts,
    )
    return NewTenant(tenant=tenant, owner=owner, link=link, expires_at=invitation.expires_at)


def _first_owner(email: str, *, at: datetime) -> tuple[User, Assignment]:
    owner = User(user_id=uuid7(), email=email, status=UserStatus.INVITED, invited_by=None, invited_at=at, changed_at=at)
    assignment = Assignment(
        assignment_id=uuid7(),
        user_id=owner.user_id,
        role=Role.CLIENT_OWNER,
        origin=Origin.BOOTSTRAP,
        begins_at=at,
        assigned_by=BY_THE_PLATFORM.actor_id,
    )
    return owner, assignment
