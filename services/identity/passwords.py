"""Passwords hashed with argon2id (RFC 9106), off the event loop and a few at a time."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

AT_ONCE = 2
"""Each takes 64 MiB and a core for some tens of milliseconds: strangers must not be able to take all there is."""


class Passwords:
    """Makes and checks hashes. An account that does not exist takes as long to refuse as one that does."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._seats = asyncio.Semaphore(AT_ONCE)
        self._nobody = self._hasher.hash("the password of an account that does not exist")

    async def hashed(self, password: str) -> str:
        """Return the hash to keep."""
        async with self._seats:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def match(self, hashed: str | None, password: str) -> bool:
        """Say whether the password is the one that was hashed; never without a hash."""
        async with self._seats:
            return await asyncio.to_thread(self._verify, hashed or self._nobody, password) and hashed is not None

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            return False
