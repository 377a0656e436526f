"""Sign-ins and MFA challenges as reports on `access.activity`, where monitoring looks for attacks."""

from __future__ import annotations

import hashlib
from datetime import datetime

from nuxari_events.access import SignInFlow
from nuxari_events.roles import ADMINISTRATIVE

from services.identity import events
from services.identity.domain.model import Session, User
from services.identity.service.acting import Acting
from services.identity.store import roles
from shared.persistence.database import Transaction


def stranger(email: str) -> str:
    """Return the name under which an address that nobody has is reported.

    People type passwords into the wrong field, so what was typed is not repeated; the same address has the same name.
    """
    return f"unknown:{hashlib.sha256(email.encode()).hexdigest()[:16]}"


async def report_sign_in(
    transaction: Transaction,
    user_id: str,
    *,
    session: Session | None,
    failure: str | None,
    acting: Acting,
    at: datetime,
    flow: SignInFlow = SignInFlow.INTERACTIVE,
) -> None:
    """Announce how an attempt ended."""
    held = await roles.held_by(transaction, user_id)
    sign_in = events.SignIn(
        user_id=user_id,
        ip=acting.address,
        user_agent=acting.user_agent,
        flow=flow,
        session=session,
        failure=failure,
        administrative=any(one.is_live(at) and one.role in ADMINISTRATIVE for one in held),
    )
    transaction.announce(events.sign_in_completed(sign_in, at=at, cause=acting.cause(transaction)))


def report_challenge(
    transaction: Transaction,
    user: User,
    *,
    session: Session | None,
    recovery: bool,
    approved: bool,
    acting: Acting,
    at: datetime,
) -> None:
    """Announce how an MFA challenge was answered."""
    sign_in = events.SignIn(
        user_id=user.user_id,
        ip=acting.address,
        user_agent=acting.user_agent,
        session=session,
    )
    transaction.announce(
        events.mfa_challenge_completed(
            sign_in, recovery=recovery, approved=approved, at=at, cause=acting.cause(transaction)
        )
    )
