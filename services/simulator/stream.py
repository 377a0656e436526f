"""The order in which events arrive: after this, a stream is late, shuffled and doubled as real ones are."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from random import Random

from nuxari_events.envelope import Event

LATEST = timedelta(minutes=4, seconds=30)
"""No event arrives after one that is this much later in time: within the five minutes that lateness is allowed."""

LATE_SHARE = 0.05
DOUBLED_SHARE = 0.005


def in_arrival_order(events: Iterable[Event], *, dice: Random) -> Iterator[Event]:
    """Yield events, given in order of time, as they arrive: some late by up to `LATEST`, a few of them twice.

    Holds back no more than the events of `LATEST`.
    """
    waiting: list[tuple[datetime, int, Event]] = []
    for number, event in enumerate(events):
        while waiting and waiting[0][0] <= event.time:
            yield heapq.heappop(waiting)[2]
        for copy, arrival in enumerate(_arrivals(event.time, dice)):
            heapq.heappush(waiting, (arrival, 2 * number + copy, event))
    while waiting:
        yield heapq.heappop(waiting)[2]


def _arrivals(time: datetime, dice: Random) -> tuple[datetime, ...]:
    arrival = time + (LATEST * dice.random() if dice.random() < LATE_SHARE else timedelta(0))
    if dice.random() < DOUBLED_SHARE:
        return arrival, min(arrival + timedelta(seconds=30 * dice.random()), time + LATEST)
    return (arrival,)
