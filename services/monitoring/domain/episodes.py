"""Episodes: which runs of firing events are one alert, as a pure function of a group's events in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from services.monitoring.domain.model import Entry


class Anchor(NamedTuple):
    """An event at which the rule holds."""

    first: int
    """Index of the earliest event that the rule counts here."""
    last: int
    """Index of the event itself."""
    value: float
    after_ms: int


class Episode(NamedTuple):
    """One alert's worth of events."""

    identity: Entry
    """The first event that the rule counted: it names the alert."""
    evidence: Sequence[Entry]
    """All of its events, in order."""
    value: float
    """The highest value that was reached."""
    after_ms: int
    until_ms: int
    """The window, `(after, until]`, in which that value was reached first."""
    last_ms: int
    """When the rule held last: the quiet period runs from here."""


def cluster(entries: Sequence[Entry], anchors: Iterable[Anchor], *, quiet_ms: int) -> Iterator[Episode]:
    """Join anchors that are no further apart than the quiet period, and yield an episode for each run of them."""
    run: list[Anchor] = []
    for anchor in anchors:
        if run and entries[anchor.last].time_ms - entries[run[-1].last].time_ms > quiet_ms:
            yield _episode(entries, run)
            run = []
        run.append(anchor)
    if run:
        yield _episode(entries, run)


def _episode(entries: Sequence[Entry], run: Sequence[Anchor]) -> Episode:
    best = max(run, key=lambda anchor: anchor.value)
    first, last = min(anchor.first for anchor in run), run[-1].last
    return Episode(
        identity=entries[first],
        evidence=entries[first : last + 1],
        value=best.value,
        after_ms=best.after_ms,
        until_ms=entries[best.last].time_ms,
        last_ms=entries[last].time_ms,
    )


def count_anchors(entries: Sequence[Entry], *, threshold: int, window_ms: int) -> Iterator[Anchor]:
    """Yield an anchor for each event at which at least `threshold` lie within `(t - window, t]`.

    Of several events in the same millisecond each counts those before it in order, and itself.
    """
    first = 0
    for last, entry in enumerate(entries):
        after = entry.time_ms - window_ms
        while entries[first].time_ms <= after:
            first += 1
        if last - first + 1 >= threshold:
            yield Anchor(first, last, last - first + 1, after)


def each_alone(entries: Sequence[Entry], *, quiet_ms: int) -> Iterator[Episode]:
    """Cluster events that each fire alone; the value of an episode is how many they are."""
    for episode in cluster(entries, (Anchor(i, i, 1, e.time_ms - 1) for i, e in enumerate(entries)), quiet_ms=quiet_ms):
        yield episode._replace(value=len(episode.evidence), until_ms=episode.last_ms)
