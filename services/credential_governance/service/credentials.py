"""What is governed and who answers for it: people register and assign, sources observe."""

from __future__ import annotations

from datetime import datetime

import structlog
from nuxari_events.credentials import CredentialObserved
from nuxari_events.ids import uuid7

from services.credential_governance import events
from services.credential_governance.domain import rules
from services.credential_governance.domain.errors import Refusal
from services.credential_governance.domain.model import Credential, Facts
from services.credential_governance.domain.plaintext import looks_like_secret
from services.credential_governance.service import expiry
from services.credential_governance.service.acting import Acting, because_of
from services.credential_governance.service.record import record
from services.credential_governance.store import credentials as store
from services.credential_governance.store import people
from shared.persistence.database import Transaction

NOT_REGISTERED = "unregistered"
"""Target, in the audit log, of what is refused about no known credential: what was sent may be a secret."""

NOT_FOUND = Refusal("not-found", "there is no such credential")

_log = structlog.get_logger(__name__)


async def register(
    transaction: Transaction, facts: Facts, *, notes: str, acting: Acting, at: datetime
) -> Credential | Refusal:
    """Govern a credential that a person names.

    The owner's row is locked from here: a deactivation that comes at the same time either is seen now or sees this.
    """
    owner = await people.held_still(transaction, facts.owner_id) if facts.owner_id else None
    decision = rules.register(facts, credential_id=uuid7(), notes=notes, owner=owner, at=at)
    if isinstance(decision, Credential):
        await _begin(transaction, decision, acting=acting, at=at)
    await record(
        transaction,
        "register",
        target=decision.credential_id if isinstance(decision, Credential) else NOT_REGISTERED,
        decision=decision,
        acting=acting,
        at=at,
        facts={"kind": facts.kind, "owner_id": owner.user_id if owner else None, "expires_at": facts.expires_at},
    )
    return decision


async def observe(transaction: Transaction, event: CredentialObserved, *, at: datetime) -> None:
    """Take in what a source saw: a new credential, new facts of a known one, or nothing new.

    A source that uses the secret itself as the id is not followed: the id would be kept and announced. The log line
    names the event, never the id.
    """
    credential_id = event.data.credential_id
    if looks_like_secret(credential_id):
        _log.warning("observation without a usable id", source=event.source, event_id=event.id)
        return
    facts = events.facts_of(event)
    owner = await people.held_still_or_reserved(transaction, facts.owner_id) if facts.owner_id else None
    known = await store.locked(transaction, credential_id)
    after = rules.observe(known, facts, credential_id=credential_id, owner=owner, seen_at=event.time, at=at)
    if after is not None and known is None:
        await _begin(transaction, after, acting=because_of(event), at=at)
        await _record_observation(transaction, after, event, act="discover", at=at)
    elif after is not None and known is not None:
        await _refresh(transaction, known, after, event, at=at)


async def assign(
    transaction: Transaction, credential_id: str, *, owner_id: str, acting: Acting, at: datetime
) -> Credential | Refusal:
    """Make a user answer for the credential; it is no longer orphaned.

    Locks the user before the credential, as a deactivation does.
    """
    owner = await people.held_still(transaction, owner_id)
    credential = await store.locked(transaction, credential_id)
    decision = rules.assign(credential, owner, at=at) if credential else NOT_FOUND
    if isinstance(decision, Credential):
        await store.save(transaction, decision)
        _announce_owner(transaction, decision, acting=acting, at=at)
    await record(
        transaction,
        "assign_owner",
        target=credential_id if credential or not looks_like_secret(credential_id) else NOT_REGISTERED,
        decision=decision,
        acting=acting,
        at=at,
        facts={
            "owner_id": owner.user_id if owner else None,
            "former_owner_id": credential.owner_id if credential else None,
        },
    )
    return decision


async def _begin(transaction: Transaction, credential: Credential, *, acting: Acting, at: datetime) -> None:
    await store.add(transaction, credential)
    tenant_id = transaction.tenant_id or ""
    transaction.announce(events.registered(credential, tenant_id=tenant_id, cause=acting.cause, at=at))
    if credential.is_orphaned:
        transaction.announce(events.orphaned(credential, tenant_id=tenant_id, cause=acting.cause))
    await expiry.watch(transaction, credential)


async def _refresh(
    transaction: Transaction, before: Credential, after: Credential, event: CredentialObserved, *, at: datetime
) -> None:
    await store.save(transaction, after)
    acting = because_of(event)
    is_news, has_other_owner = not after.says_the_same_as(before), after.owner_id != before.owner_id
    if is_news:
        tenant_id = transaction.tenant_id or ""
        transaction.announce(events.registered(after, tenant_id=tenant_id, cause=acting.cause, at=at))
    if has_other_owner:
        _announce_owner(transaction, after, acting=acting, at=at)
    if is_news or has_other_owner:
        await _record_observation(transaction, after, event, act="refresh", at=at)
    if after.validity != before.validity:
        await _watch_anew(transaction, after)


async def _watch_anew(transaction: Transaction, credential: Credential) -> None:
    """Read what was announced for the expiry that holds now: it may have been this one before."""
    current = await store.found(transaction, credential.credential_id)
    await expiry.watch(transaction, current or credential)


def _announce_owner(transaction: Transaction, credential: Credential, *, acting: Acting, at: datetime) -> None:
    """Say who answers for it now, or that the one who would is gone."""
    tenant_id = transaction.tenant_id or ""
    if credential.is_orphaned:
        transaction.announce(events.orphaned(credential, tenant_id=tenant_id, cause=acting.cause))
    else:
        transaction.announce(events.owner_assigned(credential, tenant_id=tenant_id, cause=acting.cause, at=at))


async def _record_observation(
    transaction: Transaction, credential: Credential, event: CredentialObserved, *, act: str, at: datetime
) -> None:
    await record(
        transaction,
        act,
        target=credential.credential_id,
        decision=credential,
        acting=because_of(event),
        at=at,
        facts={"kind": credential.kind, "owner_id": credential.owner_id, "expires_at": credential.validity.expires_at},
    )
