"""Whatever is due outside is sent: one message at a time per target, several targets at once, by any replica.

A target is taken in one transaction, its message sent outside of any, and what came of it kept in another. A crash in
between sends the message once more, under the same id: it is delivered at least once, or known to be dead.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.monitoring.domain.outbound import Delivery, Kind, Outcome, notice
from services.monitoring.sending import webhooks
from services.monitoring.sending.means import Means
from services.monitoring.sending.webhooks import Answer
from services.monitoring.service import deliveries
from services.monitoring.service.deliveries import Tried
from services.monitoring.service.targets import owner
from services.monitoring.store import outbound_queue, outbound_targets
from services.monitoring.store.outbound_targets import Target
from shared.clock import Clock
from shared.messaging.reliability import until_it_works
from shared.persistence.database import Database
from shared.secret_files import KeyFileError

AT_ONCE = 8
"""Targets that one process sends to at the same time; most of it is waiting."""

IDLE = timedelta(milliseconds=500)
"""How late something due can be noticed."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Taken:
    tenant_id: str
    target: Target
    delivery: Delivery


class Dispatch:
    """Sends what is due."""

    def __init__(self, database: Database, clock: Clock, means: Means) -> None:
        self._database = database
        self._clock = clock
        self._means = means

    async def run(self) -> None:
        """Send until cancelled; a database that is away is waited for."""
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(self._keep_sending(), name=f"sender {number}")

    async def _keep_sending(self) -> None:
        while True:
            if not await until_it_works(self.send_next, what="sending alerts"):
                await asyncio.sleep(IDLE.total_seconds() * (1 + random.random()))  # noqa: S311 - spreads the senders

    async def send_next(self) -> bool:
        """Send the message that has been due for the longest; return False if none is due."""
        found, taken = await self._take()
        if taken is None:
            return found
        begun = time.monotonic()
        answer = await self._sent(taken)
        took = timedelta(seconds=time.monotonic() - begun)
        await self._keep(taken, answer, took=took)
        return True

    async def _take(self) -> tuple[bool, _Taken | None]:
        """Take a target and its next message; say whether there was a target, which may want nothing any more."""
        at = self._clock.now()
        async with self._database.transaction() as transaction:
            due = await outbound_queue.take(transaction, at=at)
            if due is None:
                return False, None
            tenant_id, target_id = due
            await transaction.enter(tenant_id)
            target = await outbound_targets.by_id(transaction, target_id)
            delivery = await outbound_queue.next_of(transaction, target_id, at=at)
            if target is not None and target.health.is_enabled and delivery is not None:
                return True, _Taken(tenant_id=tenant_id, target=target, delivery=delivery)
        async with self._database.transaction(tenant_id) as transaction:
            await deliveries.give_back(transaction, target_id, at=at)
        return True, None

    async def _sent(self, taken: _Taken) -> Answer:
        """Send the message; a failure of ours is an answer too, or it would be tried for ever."""
        try:
            return await self._try(taken)
        except KeyFileError as error:
            _log.error("an address cannot be read", target_id=taken.target.target_id, error=str(error))
        except Exception as error:  # noqa: BLE001 - whatever a library does not foresee
            # No traceback: its lines quote addresses.
            _log.error("a message could not be sent", target_id=taken.target.target_id, error=type(error).__name__)
        return Answer(Outcome.FAILED)

    async def _try(self, taken: _Taken) -> Answer:
        target, delivery = taken.target, taken.delivery
        whose = owner(taken.tenant_id, target.target_id)
        address = self._means.seal.open(target.address, owner=whose).decode()
        if target.kind is Kind.NOTIFICATION:
            said = notice(json.loads(delivery.body), link=self._means.alert_link)
            return Answer(await self._means.notifications.send(address, said))
        at = self._clock.now()
        keys = [self._means.seal.open(sealed, owner=whose).decode() for sealed in _sealed(target, at)]
        head = webhooks.headers(delivery.message_id, delivery.body, keys=keys, at=at)
        return await self._means.webhooks.post(address, body=delivery.body, headers=head)

    async def _keep(self, taken: _Taken, answer: Answer, *, took: timedelta) -> None:
        async with self._database.transaction(taken.tenant_id) as transaction:
            await deliveries.keep(
                transaction,
                taken.delivery,
                target_id=taken.target.target_id,
                tried=Tried(outcome=answer.outcome, status=answer.status, took=took),
                chance=random.random(),  # noqa: S311 - spreads the retries
                at=self._clock.now(),
            )


def _sealed(target: Target, at: datetime) -> list[bytes]:
    """Return the secrets that count now, the newest first."""
    is_both = target.previous_until is not None and at < target.previous_until
    found = (target.secret, target.previous_secret if is_both else None)
    return [one for one in found if one is not None]
