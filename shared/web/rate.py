"""Rate limits for what can be guessed: a bucket of tries per key, refilled with time, bounded in memory."""

from __future__ import annotations

import math
from collections import OrderedDict
from datetime import datetime, timedelta

from shared.web.problems import Problem

MOST_KEYS = 100_000
"""The least recently used key is forgotten beyond this; an attacker who rotates keys meets the account lock."""


class RateLimit:
    """At most `tries` at once per key, then one for each `every`."""

    def __init__(self, *, tries: int, every: timedelta) -> None:
        self._tries = tries
        self._every = every.total_seconds()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, *, at: datetime) -> None:
        """Use up one try.

        Raises:
            Problem: 429 with Retry-After, none is left.
        """
        left, since = self._buckets.get(key, (float(self._tries), at.timestamp()))
        left = min(self._tries, left + max(0.0, at.timestamp() - since) / self._every)
        if left < 1:
            seconds = math.ceil((1 - left) * self._every)
            raise Problem(429, "too-many-requests", "too many tries; wait", headers={"Retry-After": str(seconds)})
        self._buckets[key] = (left - 1, at.timestamp())
        self._buckets.move_to_end(key)
        if len(self._buckets) > MOST_KEYS:
            self._buckets.popitem(last=False)
