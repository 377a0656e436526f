"""Every tenant's configuration in memory: whatever process it was changed in, it counts here within two seconds."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Generic, NamedTuple, TypeVar

import structlog
from prometheus_client import Counter, Gauge

from services.monitoring.domain.configuration import DEFAULT, Configuration
from services.monitoring.domain.effective import Effective
from services.monitoring.domain.silencing import Silencer
from services.monitoring.service.rulebooks import Rulebooks, in_force
from services.monitoring.sigma.loading import RulesError
from services.monitoring.store import configurations, replicas
from services.monitoring.store.listening import Listening
from shared.messaging.reliability import until_it_works
from shared.persistence.database import Database

POLL = timedelta(seconds=2)
"""How late a change is noticed of which PostgreSQL could not tell."""

FAILED = Counter("nuxari_configuration_failed", "Times a tenant's configuration could not be taken up.")
BEHIND = Gauge("nuxari_configurations_behind", "Tenants for which this process runs another version than the newest.")

_log = structlog.get_logger(__name__)

P = TypeVar("P")


class Running(NamedTuple, Generic[P]):
    """What counts for a tenant in this process."""

    configuration: Configuration
    effective: Effective
    silencer: Silencer
    made: P
    """What was made of it, such as a program."""


class Configurations(Generic[P]):
    """Follows the tenants' configurations; one that cannot be taken up leaves the running one in place."""

    def __init__(
        self,
        database: Database,
        *,
        dsn: str,
        make: Callable[[Configuration, Effective], P],
        rulebooks: Rulebooks,
        replica: str | None = None,
    ) -> None:
        """Describe it; nothing is read yet.

        Args:
            database: monitoring's.
            dsn: of the service's login, for a connection that listens.
            make: makes of a configuration what runs; pure, and called beside the loop.
            rulebooks: of the pack.
            replica: what this process is called in the status; None: by its host and number.
        """
        self._database = database
        self._make = make
        self._rulebooks = rulebooks
        self.replica = replica or f"{socket.gethostname()}:{os.getpid()}"[:200]
        self._running: dict[str, Running[P]] = {}
        self._wanted: dict[str, int] = {}
        """The newest version that was tried, whatever came of it."""
        self._plain: Running[P] | None = None
        self._followers: list[Callable[[str], None]] = []
        self._loaded = asyncio.Event()
        self._listening = Listening(dsn, channel=configurations.CHANNEL, name="monitoring-configurations")

    def running(self, tenant_id: str) -> Running[P]:
        """Return what counts for the tenant; the same object until it is another."""
        return self._running.get(tenant_id) or self.default

    def of(self, tenant_id: str) -> Configuration:
        """Return the configuration that counts."""
        return self.running(tenant_id).configuration

    def made_for(self, tenant_id: str) -> P:
        """Return what was made of it; the same object until it is another."""
        return self.running(tenant_id).made

    def on_change(self, follower: Callable[[str], None]) -> None:
        """Tell the follower of each tenant for which something else counts from now on."""
        self._followers.append(follower)

    async def loaded(self) -> None:
        """Wait until every tenant's configuration was read once."""
        await self._loaded.wait()

    async def run(self) -> None:
        """Load, and follow until cancelled; a database that is away is waited for."""
        listening = asyncio.create_task(self._listening.run())
        try:
            while True:
                await until_it_works(self.look, what="configurations of detections")
                self._loaded.set()
                await self._listening.heard(within=POLL)
        finally:
            listening.cancel()

    async def look(self) -> None:
        """Take up what is new, and say that this process lives."""
        async with self._database.transaction() as transaction:
            await replicas.seen(transaction, self.replica)
            heads = await configurations.heads(transaction)
        for tenant_id, version in heads.items():
            if self._wanted.get(tenant_id) != version:
                await self._take_up(tenant_id, version)
        BEHIND.set(sum(self.of(tenant_id).version != version for tenant_id, version in heads.items()))

    @property
    def default(self) -> Running[P]:
        """What counts where nothing is set."""
        if self._plain is None:
            counts = in_force(DEFAULT, self._rulebooks.plain)
            made = self._make(DEFAULT, counts.effective)
            self._plain = Running(DEFAULT, counts.effective, counts.silencer, made)
        return self._plain

    async def _take_up(self, tenant_id: str, version: int) -> None:
        try:
            async with self._database.transaction(tenant_id) as transaction:
                configuration = await configurations.current(transaction)
            version = max(version, configuration.version)
            error = await self._swap(tenant_id, configuration)
        except (KeyError, TypeError, ValueError) as failed:  # written by a version of this service that knows more
            error = self._failed(tenant_id, version, failed)
        runs = self.of(tenant_id).version
        async with self._database.transaction(tenant_id) as transaction:
            await replicas.note_running(transaction, self.replica, version=runs, wanted=version, error=error)
        self._wanted[tenant_id] = version

    async def _swap(self, tenant_id: str, configuration: Configuration) -> str | None:
        """Let it count; return what could not be made use of, None if nothing."""
        try:
            made, error = await self._compiled(configuration)
        except Exception as failed:  # noqa: BLE001 - whatever is wrong with it, the running one goes on
            if tenant_id in self._running or not configuration.own_rules:
                return self._failed(tenant_id, configuration.version, failed)
            return await self._without_own_rules(tenant_id, configuration, failed)
        self._adopt(tenant_id, made)
        return error

    async def _without_own_rules(self, tenant_id: str, configuration: Configuration, failed: Exception) -> str:
        """At a start nothing runs that could go on: then all counts but the tenant's own rules."""
        reason = self._failed(tenant_id, configuration.version, failed)
        try:
            made, _ = await self._compiled(configuration, has_own_rules=False)
        except Exception as again:  # noqa: BLE001 - then the pack runs as it is
            return self._failed(tenant_id, configuration.version, again)
        self._adopt(tenant_id, made)
        return reason

    async def _compiled(
        self, configuration: Configuration, *, has_own_rules: bool = True
    ) -> tuple[Running[P], str | None]:
        book = await self._rulebooks.opened(configuration.own_rules if has_own_rules else {})
        counts = await asyncio.to_thread(in_force, configuration, book)
        made = await asyncio.to_thread(self._make, configuration, counts.effective)
        return Running(configuration, counts.effective, counts.silencer, made), "; ".join(counts.faults)[:2000] or None

    def _adopt(self, tenant_id: str, made: Running[P]) -> None:
        self._running[tenant_id] = made
        for follower in self._followers:
            follower(tenant_id)

    def _failed(self, tenant_id: str, version: int, error: Exception) -> str:
        FAILED.inc()
        _log.error(
            "a configuration could not be taken up",
            tenant_id=tenant_id,
            version=version,
            error=type(error).__name__,
        )
        return (
            str(error)[:2000] if isinstance(error, RulesError) else f"it could not be compiled ({type(error).__name__})"
        )
