"""Expiry bands: each is announced once per expiry, however many looks are missed or doubled."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from services.credential_governance import events
from services.credential_governance.domain import rules
from services.credential_governance.domain.model import Credential
from services.credential_governance.service.acting import BY_THE_CLOCK
from services.credential_governance.service.record import record
from services.credential_governance.store import credentials as store
from shared import due
from shared.persistence.database import Transaction

LOOK = "expiry_look"
"""Kind of the due work that looks at one credential when its next band begins."""

LOOK_AGAIN = timedelta(milliseconds=100)
"""How soon a look comes back to a credential that somebody else decides about right now."""


async def watch(transaction: Transaction, credential: Credential) -> None:
    """Have the credential looked at when its next band begins; at once if that is past already.

    Announcing is left to the look, so that there is one place that does it.
    """
    when = rules.next_look(credential)
    if when is None:
        await due.cancel(transaction, kind=LOOK, key=credential.credential_id)
    else:
        await due.schedule(transaction, kind=LOOK, key=credential.credential_id, due_at=when)


async def look(transaction: Transaction, credential_id: str, at: datetime) -> None:
    """Announce the most severe band that was crossed since the last look, if any, and watch for the next.

    The caller holds the lock of the due row and must not wait for the credential's: whoever has that may be waiting
    for the due row, to change its time.
    """
    credential = await store.locked_at_once(transaction, credential_id)
    if credential is not None:
        await watch(transaction, await _announced(transaction, credential, at=at))
    elif await store.found(transaction, credential_id) is not None:
        await due.schedule(transaction, kind=LOOK, key=credential_id, due_at=at + LOOK_AGAIN)


async def _announced(transaction: Transaction, credential: Credential, *, at: datetime) -> Credential:
    band = rules.crossed(credential, at=at)
    if band is None:
        return credential
    if await store.cross(transaction, credential, band=band, at=at):
        transaction.announce(events.band_crossed(credential, band, tenant_id=transaction.tenant_id or "", at=at))
        await record(
            transaction,
            "cross_expiry_band",
            target=credential.credential_id,
            decision=band,
            acting=BY_THE_CLOCK,
            at=at,
            facts={"band": band, "expires_at": credential.validity.expires_at},
        )
    return replace(credential, last_band=band)
