"""A configuration becomes the one that counts: kept, announced, audited, and its silences are given their ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from nuxari_events.monitoring import SilenceEndReason

from services.monitoring import configuration_events
from services.monitoring.configuration_events import Became
from services.monitoring.domain.configuration import Configuration, ExceptionRule, Silence, begun, kept, lifted
from services.monitoring.domain.governance import Set, weakenings
from services.monitoring.domain.subjects import user_of
from services.monitoring.service.acting import Acting, record
from services.monitoring.service.rulebooks import Rulebooks
from services.monitoring.sigma.filters import condition_of
from services.monitoring.store import configurations
from services.monitoring.store.configurations import Made
from shared import audit, due
from shared.persistence.database import Transaction

END_OF_SILENCE = "silence.end"
"""A kind of due work."""


async def commit(
    transaction: Transaction, before: Set, after: Set, *, made: Made, acting: Acting, at: datetime
) -> Configuration:
    """Let the configuration count from now on; `acting` is who decided, which is not always who wanted it."""
    after = Set(replace(after.configuration, version=made.version), after.rules)
    await configurations.add(transaction, after.configuration, made)
    await _schedule_ends(transaction, before.configuration, after.configuration)
    became = Became(
        tenant_id=transaction.tenant_id or "",
        before=before,
        after=after,
        weakenings=weakenings(before, after),
        actor_id=made.changed_by,
        change_id=made.change_id,
        correlation_id=acting.correlation_id,
        at=at,
        user_of=_user_of,
    )
    for event in configuration_events.announcements(became):
        transaction.announce(event)
    await record(
        transaction,
        "configuration.change",
        target="configuration",
        decision=after.configuration,
        acting=acting,
        at=at,
        facts={
            "version": made.version,
            "action": made.action,
            "changed_by": made.changed_by,
            "change_id": made.change_id,
            "restored_version": made.restored_version,
            "weakenings": [vars(one) for one in became.weakenings],
        },
        reason=made.reason,
    )
    return after.configuration


async def end_silence(transaction: Transaction, key: str, at: datetime, *, rulebooks: Rulebooks) -> None:
    """Announce that the time of an exception or silence is over; by itself it has no effect any more."""
    found = await configurations.last_with(transaction, key)
    one = None if found is None else next((one for one in kept(found) if one.id == key), None)
    if found is None or one is None:
        return
    book = await rulebooks.as_far_as_readable(found.own_rules)
    rule = None if one.rule is None else book.name_of(one.rule)
    transaction.announce(
        configuration_events.silence_ended(
            one, tenant_id=transaction.tenant_id or "", rule=rule, reason=SilenceEndReason.EXPIRED, at=at
        )
    )
    await audit.record(
        transaction, at=at, actor_id=None, action="monitoring.silence.end", target=key, detail={"rule": rule}
    )


async def _schedule_ends(transaction: Transaction, before: Configuration, after: Configuration) -> None:
    for one in begun(before, after):
        await due.schedule(transaction, kind=END_OF_SILENCE, key=one.id, due_at=one.ends_at)
    for one in lifted(before, after):
        await due.cancel(transaction, kind=END_OF_SILENCE, key=one.id)


def _user_of(one: ExceptionRule | Silence) -> str | None:
    return user_of(one, condition_of(one))
