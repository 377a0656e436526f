"""Identifiers: after this, nobody thinks about how an id is made or whether a replay makes the same one."""

from __future__ import annotations

import os
import time
from uuid import UUID, uuid5

_NAMESPACE = UUID("6f0d9a4e-7a3b-5c1e-9d2f-4b8e6a1c0d37")
"""Namespace of every derived id; changing it would change the id of every replayed announcement."""


def uuid7() -> str:
    """Return a new time-ordered UUIDv7 in its text form (RFC 9562, section 5.7)."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))


def derived_id(*parts: str) -> str:
    """Return the same UUIDv5 for the same parts, in order: what a replay announces has the id it had before."""
    return str(uuid5(_NAMESPACE, "\x1f".join(parts)))
