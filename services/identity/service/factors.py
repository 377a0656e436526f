"""Second factors: enrol an authenticator, confirm it with a code, show it, or use a recovery code in its place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from nuxari_events.ids import uuid7

from services.identity import authenticator, events
from services.identity.domain import credentials
from services.identity.domain.errors import Refusal
from services.identity.domain.model import Factor, Session, User
from services.identity.keys import Seal
from services.identity.service.acting import Acting
from services.identity.service.record import record
from services.identity.service.sign_ins import report_challenge
from services.identity.store import factors as store
from services.identity.store import sessions, users
from shared.persistence.database import Transaction

ALREADY_ENROLLED = Refusal("already-enrolled", "a second factor is enrolled")
NOT_FOUND = Refusal("not-found", "there is no such factor that waits for its confirmation")
CODE_WRONG = Refusal("code-wrong", "the code is wrong, too old, or was used before")
LOCKED = Refusal("account-locked", "too many wrong codes; an administrator can unlock the account")

_CODE_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Enrolment:
    """An authenticator's secret, shown once."""

    factor_id: str
    secret: str
    uri: str


async def begin(
    transaction: Transaction, user_id: str, *, seal: Seal, acting: Acting, at: datetime
) -> Enrolment | Refusal:
    """Make a secret for the user's authenticator; it counts once a code of it was shown."""
    user = await users.locked(transaction, user_id)
    if user is None:
        return NOT_FOUND
    if user.has_factor:
        return ALREADY_ENROLLED
    secret, factor_id = authenticator.new_secret(), uuid7()
    sealed = seal.close(secret.encode(), owner=_owner(transaction, factor_id))
    await store.add(transaction, Factor(factor_id=factor_id, user_id=user_id, sealed_secret=sealed, created_at=at))
    await record(transaction, "factor.begin", target=factor_id, decision=user, acting=acting, at=at, facts={})
    return Enrolment(factor_id=factor_id, secret=secret, uri=authenticator.enrolment_uri(secret, email=user.email))


async def confirm(
    transaction: Transaction, factor_id: str, *, user_id: str, code: str, seal: Seal, acting: Acting, at: datetime
) -> tuple[str, ...] | Refusal:
    """Enrol the authenticator and return the recovery codes, which are shown once; the session has its MFA now."""
    user = await users.locked(transaction, user_id)
    factor = await store.found(transaction, factor_id, user_id=user_id)
    if user is None or factor is None or factor.confirmed_at is not None:
        return NOT_FOUND
    if user.has_factor:
        return ALREADY_ENROLLED
    if user.is_locked(at):
        return LOCKED
    step = _step(transaction, factor, code, seal=seal, at=at)
    if step is None:
        await users.save(transaction, credentials.failed(user, at=at))
        await record(
            transaction, "factor.confirm", target=factor_id, decision=CODE_WRONG, acting=acting, at=at, facts={}
        )
        return CODE_WRONG
    return await _enrol(transaction, replace(factor, confirmed_at=at, last_step=step), user, acting=acting, at=at)


async def accept(
    transaction: Transaction,
    user: User,
    code: str,
    *,
    session: Session | None,
    seal: Seal,
    acting: Acting,
    at: datetime,
) -> bool:
    """Say whether the code is the user's, use it up if it is, and report the challenge; the user is locked."""
    is_recovery = not _is_otp(code)
    if is_recovery:
        hashed = credentials.recovery_hash(code)
        approved = await store.use_code(transaction, user.user_id, code_hash=hashed, at=at)
    else:
        approved = await _accept_otp(transaction, user, code, seal=seal, at=at)
    report_challenge(transaction, user, session=session, recovery=is_recovery, approved=approved, acting=acting, at=at)
    return approved


async def _accept_otp(transaction: Transaction, user: User, code: str, *, seal: Seal, at: datetime) -> bool:
    factor = await store.confirmed_of(transaction, user.user_id)
    step = _step(transaction, factor, code, seal=seal, at=at) if factor else None
    if factor is None or step is None:
        return False
    await store.save(transaction, replace(factor, last_step=step))
    return True


async def _enrol(
    transaction: Transaction, factor: Factor, user: User, *, acting: Acting, at: datetime
) -> tuple[str, ...]:
    await store.save(transaction, factor)
    await users.save(transaction, credentials.unlocked(user))
    codes = credentials.new_recovery_codes()
    await store.replace_codes(transaction, user.user_id, hashes=map(credentials.recovery_hash, codes))
    session = await sessions.found(transaction, acting.session_id or "")
    if session is not None:
        await sessions.save(transaction, replace(session, amr=("pwd", "otp", "mfa"), mfa_at=at))
    transaction.announce(events.factor_enrolled(factor, at=at, cause=acting.cause(transaction)))
    await record(
        transaction, "factor.confirm", target=factor.factor_id, decision=factor, acting=acting, at=at, facts={}
    )
    return codes


def _step(transaction: Transaction, factor: Factor, code: str, *, seal: Seal, at: datetime) -> int | None:
    secret = seal.open(factor.sealed_secret, owner=_owner(transaction, factor.factor_id)).decode()
    return authenticator.accepted_step(secret, code, last_step=factor.last_step, at=at)


def _owner(transaction: Transaction, factor_id: str) -> str:
    """What a sealed secret is bound to: copied to another user's row or tenant it does not open."""
    return f"{transaction.tenant_id}/{factor_id}"


def _is_otp(code: str) -> bool:
    return len(code) == _CODE_DIGITS and code.isascii() and code.isdecimal()
