"""Invitations as rows; of a link's secret only the hash is here."""

from __future__ import annotations

from datetime import datetime

from services.identity.domain.model import Invitation
from shared.persistence.database import Transaction


async def replace(transaction: Transaction, invitation: Invitation) -> None:
    """Keep a new invitation; the user's earlier links work no more."""
    await transaction.execute(
        "delete from invitation where tenant_id = $1 and user_id = $2 and used_at is null",
        transaction.tenant_id,
        invitation.user_id,
    )
    await transaction.execute(
        "insert into invitation (tenant_id, invitation_id, user_id, secret_hash, expires_at)"
        " values ($1, $2, $3, $4, $5)",
        transaction.tenant_id,
        invitation.invitation_id,
        invitation.user_id,
        invitation.secret_hash,
        invitation.expires_at,
    )


async def found(transaction: Transaction, invitation_id: str) -> Invitation | None:
    """Return the invitation, None if there is none of that id."""
    row = await transaction.fetchrow(
        "select * from invitation where tenant_id = $1 and invitation_id = $2", transaction.tenant_id, invitation_id
    )
    if row is None:
        return None
    return Invitation(
        invitation_id=row["invitation_id"],
        user_id=row["user_id"],
        secret_hash=row["secret_hash"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
    )


async def void(transaction: Transaction, user_id: str) -> None:
    """Let the user's open links work no more."""
    await transaction.execute(
        "delete from invitation where tenant_id = $1 and user_id = $2 and used_at is null",
        transaction.tenant_id,
        user_id,
    )


async def use(transaction: Transaction, invitation_id: str, *, at: datetime) -> None:
    """Keep that the link was used."""
    await transaction.execute(
        "update invitation set used_at = $3 where tenant_id = $1 and invitation_id = $2",
        transaction.tenant_id,
        invitation_id,
        at,
    )
