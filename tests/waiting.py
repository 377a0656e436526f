"""Waiting in tests: on a condition with a deadline, never for a time."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

_POLL_SECONDS = 0.02


async def until(condition: Callable[[], bool | Awaitable[bool]], *, within: timedelta, what: str) -> None:
    """Return as soon as the condition holds; fail, naming what was waited for, at the deadline."""
    deadline = time.monotonic() + within.total_seconds()
    while True:
        answer = condition()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within.total_seconds():.0f} s: {what}")
        await asyncio.sleep(_POLL_SECONDS)
