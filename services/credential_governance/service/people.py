"""What identity said: users are projected here, and a deactivation orphans every credential of the user at once."""

from __future__ import annotations

from datetime import datetime

from nuxari_events.envelope import Event
from nuxari_events.identity import UserActivated, UserDeactivated, UserInvited

from services.credential_governance import events
from services.credential_governance.domain.model import Credential, UserStatus
from services.credential_governance.service.acting import Acting, because_of
from services.credential_governance.service.record import record
from services.credential_governance.store import credentials, people
from shared.persistence.database import Transaction

PAGE = 1000
"""Credentials orphaned by one statement: few statements for thousands, none of them long."""


async def learn(transaction: Transaction, event: Event, *, at: datetime) -> None:
    """Take in one event of `identity.lifecycle`; what does not concern credentials changes nothing.

    An event that is older than what is known of the user changes no status: replays and dead letters that come late
    do no harm. A reactivated user gets nothing back: orphans wait until somebody assigns an owner.
    """
    match event:
        case UserInvited():
            await people.note_status(transaction, event.data.user_id, status=UserStatus.INVITED, at=event.time)
        case UserActivated():
            await people.note_status(transaction, event.data.user_id, status=UserStatus.ACTIVE, at=event.time)
        case UserDeactivated():
            await orphan_all(transaction, event, at=at)
        case _:
            pass


async def orphan_all(transaction: Transaction, event: UserDeactivated, *, at: datetime) -> None:
    """Orphan every credential of the user, announce and record each.

    The user's row is locked first: whoever takes ownership at the same time either sees the deactivation or is seen.
    If a later reactivation is known already, only what was the user's before the deactivation is orphaned.
    """
    user_id, since, acting = event.data.user_id, event.time, because_of(event)
    is_latest = await people.note_status(transaction, user_id, status=UserStatus.DEACTIVATED, at=since)
    count, more = 0, True
    while more:
        page = await credentials.orphan_some(
            transaction, user_id, at=since, owned_before=None if is_latest else since, limit=PAGE
        )
        for credential in page:
            transaction.announce(events.orphaned(credential, tenant_id=event.tenantid, cause=acting.cause))
            await _record(transaction, credential, acting=acting, at=at)
        count, more = count + len(page), len(page) == PAGE
    await record(
        transaction,
        "orphan_all",
        target=user_id,
        decision=count,
        acting=acting,
        at=at,
        facts={"count": count, "deactivated_at": since},
    )


async def _record(transaction: Transaction, credential: Credential, *, acting: Acting, at: datetime) -> None:
    await record(
        transaction,
        "orphan",
        target=credential.credential_id,
        decision=credential,
        acting=acting,
        at=at,
        facts={"former_owner_id": credential.former_owner_id, "orphaned_at": credential.orphaned_at},
    )
