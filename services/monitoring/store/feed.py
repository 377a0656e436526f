"""Waking streams: after this, whoever waits for a tenant's announcements is woken by whichever process made them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from typing_extensions import override

from services.monitoring.store.changes import CHANNEL
from services.monitoring.store.listening import Listening


class Feed(Listening):
    """Listens to PostgreSQL for every stream of the process, on one connection of its own."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, channel=CHANNEL, name="monitoring-feed")
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    @contextlib.contextmanager
    def waiting(self, tenant_id: str) -> Iterator[asyncio.Event]:
        """Yield what is set whenever something was announced to the tenant."""
        woken = asyncio.Event()
        self._waiting[tenant_id].add(woken)
        try:
            yield woken
        finally:
            self._waiting[tenant_id].discard(woken)
            if not self._waiting[tenant_id]:
                del self._waiting[tenant_id]

    @override
    def _hear(self, *heard: Any) -> None:
        for woken in self._waiting.get(str(heard[3]), ()):  # connection, process, channel and payload
            woken.set()
