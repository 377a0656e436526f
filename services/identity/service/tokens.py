"""What a user's tokens say, and the moment from which they say it no more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from nuxari_events.roles import Role

from services.identity import events
from services.identity.domain import rules
from services.identity.domain.credentials import Ticket
from services.identity.domain.model import Session, User
from services.identity.service.acting import Acting
from services.identity.store import roles, users
from shared.access.tokens import Claims
from shared.persistence.database import Transaction

_AN_INSTANT = timedelta(microseconds=1)
"""The smallest step of a token's time of issue."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a session's next access token says, and the session's next refresh token where there is one."""

    session: Session
    claims: Claims
    issued_at: datetime
    refresh: Ticket | None = None


async def grant(
    transaction: Transaction, user: User, session: Session, *, at: datetime, refresh: Ticket | None = None
) -> Grant:
    """Return the session's next token; the caller holds the user's lock.

    It is issued no earlier than the newest watermark, so what voided the ones before does not void this one.
    """
    issued_at = max(at, user.tokens_at or at)
    await users.note_tokens(transaction, user.user_id, at=issued_at)
    held = await roles.held_by(transaction, user.user_id)
    claims = Claims(
        tenant_id=transaction.tenant_id or "",
        user_id=user.user_id,
        session_id=session.session_id,
        roles={Role(role): end for role, end in rules.effective_roles(user, held, at=issued_at).items()},
        amr=session.amr,
        mfa_at=session.mfa_at,
    )
    return Grant(session=session, claims=claims, issued_at=issued_at, refresh=refresh)


async def void(
    transaction: Transaction, user: User, *, reason: str, acting: Acting, at: datetime, session_id: str | None = None
) -> None:
    """Void every token of the user, or of one session, that was issued until now; the caller holds the user's lock.

    The watermark is later than the newest token, whatever the clocks of two requests at once said.
    """
    not_before = at if user.tokens_at is None else max(at, user.tokens_at + _AN_INSTANT)
    await users.note_tokens(transaction, user.user_id, at=not_before)
    transaction.announce(
        events.tokens_revoked(
            user.user_id,
            session_id=session_id,
            not_before=not_before,
            reason=reason,
            at=at,
            cause=acting.cause(transaction),
        )
    )
