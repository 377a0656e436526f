"""Sign in, refresh, sign out: a session is begun with a password and a code, and kept by tokens used once each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from nuxari_events.access import SignInFlow
from nuxari_events.ids import uuid7

from services.identity.domain import credentials
from services.identity.domain.credentials import Ticket
from services.identity.domain.errors import Refusal
from services.identity.domain.model import Session, User, UserStatus
from services.identity.keys import Seal
from services.identity.service import factors, tokens
from services.identity.service.acting import Acting
from services.identity.service.record import record
from services.identity.service.sign_ins import report_sign_in, stranger
from services.identity.service.tokens import Grant
from services.identity.store import sessions as store
from services.identity.store import tenants, users
from shared.persistence.database import Transaction

IDLE = timedelta(hours=12)
ABSOLUTE = timedelta(days=7)
"""NUXARI.md, numbers: a refresh token's sliding and absolute life."""

WRONG = Refusal(
    "credentials-wrong",
    "the tenant, the address, the password or the code is wrong, or the account is locked after too many tries",
)
"""One answer for all of it: nobody learns from it which addresses exist or that a password was right."""

CODE_NEEDED = Refusal("code-needed", "this account has a second factor: send its `code` too")
NOT_VALID = Refusal("refresh-token-invalid", "the refresh token was used before, has run out, or is none of ours")
NO_SUCH_SESSION = Refusal("not-found", "there is no such session")


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What somebody presents to sign in; the password was checked before, outside any transaction."""

    email: str
    checked_hash: str | None
    """The hash that the password was compared with."""
    password_matches: bool
    code: str | None = None
    """Of an authenticator, or a recovery code."""


async def sign_in(
    transaction: Transaction, attempt: Attempt, *, seal: Seal, acting: Acting, at: datetime
) -> Grant | Refusal:
    """Begin a session. Decided under the user's lock: of many guesses at once no more than five count.

    A tenant that does not exist has no log and no stream: the attempt is refused as any other and kept nowhere.
    """
    if await tenants.found(transaction) is None:
        return WRONG
    known = await users.with_email(transaction, attempt.email)
    user = await users.locked(transaction, known.user_id) if known else None
    failure = await _failure(transaction, user, attempt, seal=seal, acting=acting, at=at)
    if user is not None and failure == CODE_NEEDED.code:
        await _record(transaction, "session.begin", CODE_NEEDED, target=user.user_id, acting=acting, at=at)
        return CODE_NEEDED
    if user is None or failure is not None:
        await _refuse(transaction, user, attempt, failure=failure or "", acting=acting, at=at)
        return WRONG
    return await _begin(transaction, user, with_code=attempt.code is not None, acting=acting, at=at)


async def refresh(transaction: Transaction, token: Ticket, *, acting: Acting, at: datetime) -> Grant | Refusal:
    """Return the session's next tokens. A token that is used again ends the session: one of two holders stole it."""
    session = await store.found(transaction, token.entity_id)
    user = await users.locked(transaction, session.user_id) if session else None
    session = await store.found(transaction, token.entity_id)
    if session is None or user is None or not session.is_live(at) or user.status is not UserStatus.ACTIVE:
        return NOT_VALID
    is_ours, is_first_use = await store.use_refresh(
        transaction, session.session_id, secret_hash=token.secret_hash, at=at
    )
    if not is_ours:
        return NOT_VALID
    if not is_first_use:
        await _end_family(transaction, user, session, acting=acting, at=at)
        return NOT_VALID
    prolonged = replace(session, idle_until=min(at + IDLE, session.absolute_end))
    await store.save(transaction, prolonged)
    return await _granted(transaction, user, prolonged, at=at)


async def step_up(
    transaction: Transaction, session_id: str, *, code: str, seal: Seal, acting: Acting, at: datetime
) -> Grant | Refusal:
    """Show the second factor again in a session; failures count towards the lock."""
    user = await users.locked(transaction, acting.actor_id or "")
    session = await store.found(transaction, session_id)
    if user is None or session is None or session.user_id != user.user_id or not session.is_live(at):
        return NO_SUCH_SESSION
    if not user.has_factor:
        return Refusal("no-factor", "no second factor is enrolled")
    if user.is_locked(at) or not await factors.accept(
        transaction, user, code, session=session, seal=seal, acting=acting, at=at
    ):
        await users.save(transaction, user if user.is_locked(at) else credentials.failed(user, at=at))
        await _record(transaction, "session.step_up", WRONG, target=user.user_id, acting=acting, at=at)
        return WRONG
    raised = replace(session, amr=("pwd", "otp", "mfa"), mfa_at=at)
    await store.save(transaction, raised)
    await users.save(transaction, credentials.unlocked(user))
    await _record(transaction, "session.step_up", raised, target=user.user_id, acting=acting, at=at)
    return await tokens.grant(transaction, user, raised, at=at)


async def end(
    transaction: Transaction, session_id: str, *, user_id: str, acting: Acting, at: datetime
) -> Session | Refusal:
    """End one of the user's own sessions; its tokens are void at once."""
    user = await users.locked(transaction, user_id)
    session = await store.found(transaction, session_id)
    if user is None or session is None or session.user_id != user_id or session.ended_at is not None:
        return NO_SUCH_SESSION
    await close(transaction, user, session, reason="signed_out", acting=acting, at=at)
    await _record(transaction, "session.end", session, target=session_id, acting=acting, at=at)
    return session


async def end_all(transaction: Transaction, user: User, *, reason: str, acting: Acting, at: datetime) -> None:
    """End every session of the user and void every token; the caller holds the user's lock."""
    for session in await store.open_of(transaction, user.user_id):
        await store.save(transaction, replace(session, ended_at=at, end_reason=reason))
    await tokens.void(transaction, user, reason=reason, acting=acting, at=at)


async def close(
    transaction: Transaction, user: User, session: Session, *, reason: str, acting: Acting, at: datetime
) -> None:
    """End one session and void its tokens; the caller holds the user's lock."""
    await store.save(transaction, replace(session, ended_at=at, end_reason=reason))
    await tokens.void(transaction, user, reason=reason, acting=acting, at=at, session_id=session.session_id)


async def _failure(
    transaction: Transaction, user: User | None, attempt: Attempt, *, seal: Seal, acting: Acting, at: datetime
) -> str | None:
    """Return why the attempt fails, None if it does not. A lock is looked at before anything that was presented."""
    if user is None:
        return "unknown_user"
    if user.is_locked(at):
        return "locked"
    if not attempt.password_matches or attempt.checked_hash != await users.password_hash(transaction, user.user_id):
        return "wrong_password"
    if user.status is not UserStatus.ACTIVE:
        return "not_active"
    return await _second_failure(transaction, user, attempt.code, seal=seal, acting=acting, at=at)


async def _second_failure(
    transaction: Transaction, user: User, code: str | None, *, seal: Seal, acting: Acting, at: datetime
) -> str | None:
    if not user.has_factor:
        return None
    if code is None:
        return CODE_NEEDED.code
    accepted = await factors.accept(transaction, user, code, session=None, seal=seal, acting=acting, at=at)
    return None if accepted else "wrong_code"


async def _refuse(
    transaction: Transaction, user: User | None, attempt: Attempt, *, failure: str, acting: Acting, at: datetime
) -> None:
    """Count the failure, report it, and keep it in the log; a lock that stands is not prolonged by more tries."""
    user_id = user.user_id if user else stranger(attempt.email)
    if user is not None and not user.is_locked(at):
        await users.save(transaction, credentials.failed(user, at=at))
    await report_sign_in(transaction, user_id, session=None, failure=failure, acting=acting, at=at)
    facts = {"failure": failure}
    await record(transaction, "session.begin", target=user_id, decision=WRONG, acting=acting, at=at, facts=facts)


async def _begin(transaction: Transaction, user: User, *, with_code: bool, acting: Acting, at: datetime) -> Grant:
    has_mfa = user.has_factor and with_code
    session = Session(
        session_id=uuid7(),
        user_id=user.user_id,
        begun_at=at,
        idle_until=at + IDLE,
        absolute_end=at + ABSOLUTE,
        amr=("pwd", "otp", "mfa") if has_mfa else ("pwd",),
        mfa_at=at if has_mfa else None,
        ip=acting.address,
        user_agent=acting.user_agent,
    )
    itself = replace(acting, actor_id=user.user_id, session_id=session.session_id)
    await store.add(transaction, session)
    await users.save(transaction, credentials.unlocked(user))
    await report_sign_in(transaction, user.user_id, session=session, failure=None, acting=itself, at=at)
    await _record(transaction, "session.begin", session, target=user.user_id, acting=itself, at=at)
    return await _granted(transaction, user, session, at=at)


async def _granted(transaction: Transaction, user: User, session: Session, *, at: datetime) -> Grant:
    tenant_id = transaction.tenant_id or ""
    token = credentials.new_ticket(credentials.REFRESH, tenant_id=tenant_id, entity_id=session.session_id)
    await store.add_refresh(transaction, session.session_id, secret_hash=token.secret_hash, at=at)
    return await tokens.grant(transaction, user, session, at=at, refresh=token)


async def _end_family(transaction: Transaction, user: User, session: Session, *, acting: Acting, at: datetime) -> None:
    failure = "refresh_token_reused"
    await close(transaction, user, session, reason=failure, acting=acting, at=at)
    await report_sign_in(
        transaction, user.user_id, session=None, failure=failure, acting=acting, at=at, flow=SignInFlow.REFRESH
    )
    facts = {"session_id": session.session_id}
    await record(
        transaction, "session.reuse", target=user.user_id, decision=NOT_VALID, acting=acting, at=at, facts=facts
    )


async def _record(
    transaction: Transaction, action: str, decision: Session | Refusal, *, target: str, acting: Acting, at: datetime
) -> None:
    facts = {"session_id": decision.session_id, "amr": decision.amr} if isinstance(decision, Session) else {}
    await record(transaction, action, target=target, decision=decision, acting=acting, at=at, facts=facts)
