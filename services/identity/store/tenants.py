"""Tenants as rows; the tenant's row is the lock that orders all that concerns who owns it."""

from __future__ import annotations

from services.identity.domain.model import Tenant
from shared.persistence.database import Transaction


async def add(transaction: Transaction, tenant: Tenant) -> None:
    """Keep a new tenant."""
    await transaction.execute(
        "insert into tenant (tenant_id, name, created_at) values ($1, $2, $3)",
        tenant.tenant_id,
        tenant.name,
        tenant.created_at,
    )


async def locked(transaction: Transaction) -> Tenant | None:
    """Return the entered tenant and let nobody else decide about its users and roles until the transaction ends.

    No `for update`: PostgreSQL looks at the tenant's key again when a row of a user changes twice in a transaction.
    A sign-in does that while it holds the user's lock, for which whoever has this one may wait: a deadlock.
    """
    row = await transaction.fetchrow(
        "select * from tenant where tenant_id = $1 for no key update", transaction.tenant_id
    )
    return Tenant(tenant_id=row["tenant_id"], name=row["name"], created_at=row["created_at"]) if row else None


async def found(transaction: Transaction) -> Tenant | None:
    """Return the entered tenant, None if there is none of that id."""
    row = await transaction.fetchrow("select * from tenant where tenant_id = $1", transaction.tenant_id)
    return Tenant(tenant_id=row["tenant_id"], name=row["name"], created_at=row["created_at"]) if row else None
