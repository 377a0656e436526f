"""Identity's public keys, kept here: after this, nobody thinks about fetching, ageing or rotating them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from shared.errors import TransientError

REFRESHED_AFTER = timedelta(minutes=5)
"""A key that identity withdrew counts here no longer than this while identity answers."""

TRUSTED_FOR = timedelta(minutes=10)
"""Without an answer from identity the keys count no longer than this; tokens issued by then have expired anyway."""

ASKED_AGAIN_AFTER = timedelta(seconds=5)
"""An unknown key id asks identity again, but strangers who make ids up cannot make us ask more often than this."""

RETRIED_AFTER = timedelta(seconds=1)
"""How soon identity is asked again when it did not answer."""

KeySource = Callable[[], Awaitable[KeySet]]

_log = structlog.get_logger(__name__)


class KeyRing:
    """The key set that identity publishes (RFC 7517); many requests that need it at once fetch it once."""

    def __init__(self, fetch: KeySource, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._keys: KeySet | None = None
        self._fetched_at = float("-inf")
        self._not_before = float("-inf")

    async def current(self) -> KeySet:
        """Return the keys.

        Raises:
            TransientError: identity does not answer, and what is known is too old to be trusted.
        """
        if self._is_older(REFRESHED_AFTER):
            await self._renew(self._keys)
        if self._keys is None or self._is_older(TRUSTED_FOR):
            raise TransientError("identity's public keys cannot be had")
        return self._keys

    async def newer(self, than: KeySet) -> KeySet:
        """Return the keys after one that these lack was asked for; the same ones if that was done moments ago."""
        await self._renew(than)
        return self._keys or than

    async def _renew(self, seen: KeySet | None) -> None:
        async with self._lock:
            if self._keys is not seen or self._monotonic() < self._not_before:
                return
            try:
                self._keys = await self._fetch()
            except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
                _log.warning("identity's keys cannot be had", error=type(error).__name__)
                self._not_before = self._monotonic() + RETRIED_AFTER.total_seconds()
            else:
                self._fetched_at = self._monotonic()
                self._not_before = self._fetched_at + ASKED_AGAIN_AFTER.total_seconds()

    def _is_older(self, age: timedelta) -> bool:
        return self._monotonic() - self._fetched_at > age.total_seconds()


def keys_at(identity_url: str) -> KeySource:
    """Return a source that asks identity for its public keys."""

    async def fetch() -> KeySet:
        async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
            response = await client.get(f"{identity_url.rstrip('/')}/.well-known/jwks.json")
            response.raise_for_status()
            return KeySet.import_key_set(response.json())

    return fetch
