"""A new password: the old one was shown, and whoever else is signed in as the user is not any more."""

from __future__ import annotations

from datetime import datetime

from services.identity.domain import credentials
from services.identity.domain.errors import Refusal
from services.identity.domain.model import User
from services.identity.service import sessions
from services.identity.service.acting import Acting
from services.identity.service.record import record
from services.identity.store import sessions as session_store
from services.identity.store import users
from shared.persistence.database import Transaction

WRONG = Refusal("password-wrong", "the current password is wrong, or the account is locked after too many tries")


async def change(
    transaction: Transaction,
    user_id: str,
    *,
    checked_hash: str | None,
    matches: bool,
    new_hash: str,
    acting: Acting,
    at: datetime,
) -> User | Refusal:
    """Replace the password and end the user's other sessions; wrong tries count towards the lock."""
    user = await users.locked(transaction, user_id)
    if user is None:
        return WRONG
    is_right = matches and checked_hash == await users.password_hash(transaction, user_id)
    if user.is_locked(at) or not is_right:
        await users.save(transaction, user if user.is_locked(at) else credentials.failed(user, at=at))
        await record(transaction, "password.change", target=user_id, decision=WRONG, acting=acting, at=at, facts={})
        return WRONG
    await users.set_password_hash(transaction, user_id, new_hash)
    await users.save(transaction, credentials.unlocked(user))
    for session in await session_store.open_of(transaction, user_id):
        if session.session_id != acting.session_id:
            await sessions.close(transaction, user, session, reason="password_changed", acting=acting, at=at)
    await record(transaction, "password.change", target=user_id, decision=user, acting=acting, at=at, facts={})
    return user
