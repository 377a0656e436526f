"""Episodes: which runs of holds are one alert, and what they rest on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from services.monitoring.domain.program import Ready
from services.monitoring.domain.sigma import Bound
from services.monitoring.domain.state import FIRST_KEPT, Entry, Place
from services.monitoring.domain.windows import Hold

_FEW = frozenset({"lt", "lte"})


class Seen(NamedTuple):
    """One event that an episode rests on; they sort by time, source, id and rule."""

    time_ms: int
    source: str
    id: str
    rule: str
    place: Place


class Episode(NamedTuple):
    """One alert's worth of events."""

    first: Seen
    """The earliest event."""
    identity: tuple[str, str]
    """Source and id of the event that names the alert: the earliest, of an extension the first at which it held."""
    shown: Sequence[Seen]
    """The first and the last events, in order."""
    events: int
    """How many there are."""
    value: float
    """The most telling one that was reached: the highest, the lowest where the rule asks for few."""
    after_ms: int
    until_ms: int
    """The window, `(after, until]`, in which that value was reached first."""
    last_ms: int
    """When the rule held last: the quiet period runs from here."""
    held_first: tuple[str, str]
    """Source and id of the event at which the rule held first."""
    about: str
    """What tells episodes of one group apart that are at the same time; mostly nothing."""


Span = tuple[int, int]
"""From a time to another one, both included, in milliseconds since 1970."""

Lookup = Callable[[str, str, Sequence[Span]], Sequence[Entry]]
"""Returns what of a correlation's group (rule, key) counts towards it within the spans, as far as it is known."""


def episodes(ready: Ready, entries: Sequence[Entry], holds: Iterable[Hold], lookup: Lookup) -> Iterator[Episode]:
    """Join holds that are no further apart than the quiet period, and yield an episode for each run of them."""
    runs: dict[str, list[Hold]] = {}
    for hold in holds:
        run = runs.get(hold.about)
        if run is not None and entries[hold.at].time_ms - entries[run[-1].at].time_ms > ready.quiet_ms:
            yield _episode(ready, entries, run, lookup)
            run = None
        if run is None:
            run = runs[hold.about] = []
        run.append(hold)
    for run in runs.values():
        yield _episode(ready, entries, run, lookup)


def _episode(ready: Ready, entries: Sequence[Entry], run: Sequence[Hold], lookup: Lookup) -> Episode:
    best = _most_telling(ready, run)
    shown, count = _events(ready, entries, run, lookup)
    value = float(len({entries[hold.at][:3] for hold in run})) if ready.is_each else float(best.value)
    return Episode(
        first=shown[0],
        identity=shown[0][1:3] if ready.rule.extension is None else entries[run[0].at][1:3],
        shown=shown if len(shown) <= 2 * FIRST_KEPT else [*shown[:FIRST_KEPT], *shown[-FIRST_KEPT:]],
        events=count,
        value=value,
        after_ms=best.after_ms,
        until_ms=entries[run[-1].at].time_ms if ready.is_each else entries[best.at].time_ms,
        last_ms=entries[run[-1].at].time_ms,
        held_first=entries[run[0].at][1:3],
        about=run[0].about,
    )


def _most_telling(ready: Ready, run: Sequence[Hold]) -> Hold:
    condition = ready.rule.condition
    if isinstance(condition, Bound) and condition.operator in _FEW:
        return min(run, key=lambda hold: hold.value)
    return max(run, key=lambda hold: hold.value)


def _events(ready: Ready, entries: Sequence[Entry], run: Sequence[Hold], lookup: Lookup) -> tuple[Sequence[Seen], int]:
    """Return the first and the last events, and how many there are."""
    places = _places(ready, run)
    if len(ready.rule.references) == 1 and entries[places[0]].below is None:
        shown = places if len(places) <= 2 * FIRST_KEPT else [*places[:FIRST_KEPT], *places[-FIRST_KEPT:]]
        return [_seen(entries[place]) for place in shown], len(places)
    wanted = ready.rule.wanted
    chosen = [entries[place] for place in places if ready.rule.extension or entries[place].rule in wanted]
    found = sorted(_expanded(chosen, lookup), key=itemgetter(0, 1, 2, 3))
    return found, len({one[:3] for one in found})


def _places(ready: Ready, run: Sequence[Hold]) -> Sequence[int]:
    """Return the indices from the earliest occurrence that counts to the latest; of an extension only what it names."""
    if ready.rule.extension is None:
        return range(min(hold.first for hold in run), max(hold.last for hold in run) + 1)
    return sorted({place for hold in run for place in (*range(hold.first, hold.last + 1), *hold.others)})


def _expanded(entries: Sequence[Entry], lookup: Lookup) -> set[Seen]:
    """Return the events, and for each match of a correlation those that it rests on, level by level."""
    found: set[Seen] = set()
    while entries:
        spans: dict[tuple[str, str], list[Span]] = {}
        for entry in entries:
            if entry.below is None:
                found.add(_seen(entry))
            else:
                found.add(Seen(*entry.below.first))
                spans.setdefault(entry.below[:2], []).append((entry.below.begin_ms, entry.below.end_ms))
        entries = [one for (rule, key), some in spans.items() for one in lookup(rule, key, some)]
    return found


def _seen(entry: Entry) -> Seen:
    return Seen(entry.time_ms, entry.source, entry.id, entry.rule, entry.place)


def joined(spans: Sequence[Span]) -> Iterator[Span]:
    """Yield the spans in order, those that meet as one."""
    run: Span | None = None
    for begin, end in sorted(spans):
        if run is not None and begin <= run[1]:
            run = (run[0], max(run[1], end))
        else:
            if run is not None:
                yield run
            run = (begin, end)
    if run is not None:
        yield run
