"""Sessions and the hashes of their refresh tokens as rows."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from services.identity.domain.model import Session
from shared.persistence.database import Transaction


async def add(transaction: Transaction, session: Session) -> None:
    """Keep a new session."""
    await transaction.execute(
        "insert into session (tenant_id, session_id, user_id, begun_at, idle_until, absolute_end, amr, mfa_at, ip,"
        " user_agent) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        transaction.tenant_id,
        session.session_id,
        session.user_id,
        session.begun_at,
        session.idle_until,
        session.absolute_end,
        list(session.amr),
        session.mfa_at,
        session.ip,
        session.user_agent,
    )


async def found(transaction: Transaction, session_id: str) -> Session | None:
    """Return the session, None if there is none of that id."""
    row = await transaction.fetchrow(
        "select * from session where tenant_id = $1 and session_id = $2", transaction.tenant_id, session_id
    )
    return _session(row) if row else None


async def open_of(transaction: Transaction, user_id: str) -> list[Session]:
    """Return the user's sessions that nobody ended, newest first; some may have run out."""
    rows = await transaction.fetch(
        "select * from session where tenant_id = $1 and user_id = $2 and ended_at is null order by session_id desc",
        transaction.tenant_id,
        user_id,
    )
    return [_session(row) for row in rows]


async def save(transaction: Transaction, session: Session) -> None:
    """Keep how the user is authenticated, until when the session lives, and its end."""
    await transaction.execute(
        "update session set idle_until = $3, amr = $4, mfa_at = $5, ended_at = $6, end_reason = $7"
        " where tenant_id = $1 and session_id = $2",
        transaction.tenant_id,
        session.session_id,
        session.idle_until,
        list(session.amr),
        session.mfa_at,
        session.ended_at,
        session.end_reason,
    )


async def add_refresh(transaction: Transaction, session_id: str, *, secret_hash: bytes, at: datetime) -> None:
    """Keep the hash of a new refresh token."""
    await transaction.execute(
        "insert into refresh_token (tenant_id, session_id, secret_hash, issued_at) values ($1, $2, $3, $4)",
        transaction.tenant_id,
        session_id,
        secret_hash,
        at,
    )


async def use_refresh(
    transaction: Transaction, session_id: str, *, secret_hash: bytes, at: datetime
) -> tuple[bool, bool]:
    """Use the token up; say whether it is one of the session's and whether this was its first use."""
    used_at = await transaction.fetchrow(
        "select used_at from refresh_token where tenant_id = $1 and session_id = $2 and secret_hash = $3 for update",
        transaction.tenant_id,
        session_id,
        secret_hash,
    )
    if used_at is None or used_at["used_at"] is not None:
        return used_at is not None, False
    await transaction.execute(
        "update refresh_token set used_at = $4 where tenant_id = $1 and session_id = $2 and secret_hash = $3",
        transaction.tenant_id,
        session_id,
        secret_hash,
        at,
    )
    return True, True


def _session(row: asyncpg.Record) -> Session:
    return Session(
        session_id=row["session_id"],
        user_id=row["user_id"],
        begun_at=row["begun_at"],
        idle_until=row["idle_until"],
        absolute_end=row["absolute_end"],
        amr=tuple(row["amr"]),
        mfa_at=row["mfa_at"],
        ip=row["ip"],
        user_agent=row["user_agent"],
        ended_at=row["ended_at"],
        end_reason=row["end_reason"],
    )
