"""Correlations with an extension over made-up occurrences, for tests that say in a few slow lines what it means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st

from services.monitoring.domain.extensions import Extension, Further
from services.monitoring.domain.sigma import Bound, Correlation, Head, Kind
from services.monitoring.domain.windows import holds
from tests.sigma.correlated import of, rules
from tests.sigma.running import findings

WIDTH = 1000
"""Milliseconds of the timespan."""

TIMES = st.one_of(
    st.integers(0, 2500), st.sampled_from([0, 1, 99, 100, 101, 500, 999, 1000, 1001, 1500, 1999, 2000, 2001])
)
"""Most of what goes wrong does so at an edge."""


class Seen(NamedTuple):
    """An occurrence, as simple as can be."""

    time_ms: int
    id: str
    rule: str = "a"
    values: tuple[tuple[Any, ...], ...] = ()
    extra: tuple[Any, ...] = ()


def seen(times_and_more: Iterable[Sequence[Any]]) -> list[Seen]:
    """Return occurrences, in order, of `(time, rule, values, extra)`."""
    return sorted(
        (Seen(at, f"{place:02d}", *more) for place, (at, *more) in enumerate(times_and_more)),
        key=lambda one: one[:2],
    )


def occurrences(
    *,
    rule: st.SearchStrategy[str] = st.just("a"),  # noqa: B008 - made once, never changed
    values: st.SearchStrategy[Any] = st.just(()),  # noqa: B008
    extra: st.SearchStrategy[Any] = st.just(()),  # noqa: B008
    most: int = 14,
) -> st.SearchStrategy[list[Seen]]:
    return st.lists(st.tuples(TIMES, rule, values, extra), max_size=most).map(seen)


def correlation(
    extension: Extension | None = None,
    *,
    kind: Kind = Kind.EVENT_COUNT,
    references: tuple[str, ...] = ("a",),
    condition: Bound = Bound(operator="gte", number=1),  # noqa: B008 - frozen
    also: tuple[Further, ...] = (),
) -> Correlation:
    return Correlation(
        head=Head(id="under-test", name=None, title="under test"),
        kind=kind,
        references=references,
        group_by=(),
        aliases={},
        timespan=milliseconds(WIDTH),
        condition=condition,
        extension=extension,
        also=also,
    )


def milliseconds(number: int) -> timedelta:
    return timedelta(milliseconds=number)


def held(rule: Correlation, events: Sequence[Seen]) -> set[tuple[str, float]]:
    """Return at which events it holds, with the value."""
    return {(events[hold.at].id, hold.value) for hold in holds(rule, events)}


def earlier(events: Sequence[Seen], one: Seen, *, width: int = WIDTH) -> list[Seen]:
    """Return those in `(t - width, t)`."""
    return [other for other in events if one.time_ms - width < other.time_ms < one.time_ms]


def window(events: Sequence[Seen], until: int, width: int = WIDTH) -> list[Seen]:
    """Return those in `(until - width, until]`."""
    return [one for one in events if until - width < one.time_ms <= until]


def ran(correlation: str, extension: str, events: list[dict[str, Any]]) -> list[tuple[int | None, float, list[int]]]:
    """Return what the rule file finds: when, the value, and the lines of the evidence."""
    text = rules(correlation, more=f"nuxari:\n  {extension}\n")
    return [(one.until_ms, one.value, [event.place for event in one.evidence]) for one in of(findings(text, events))]
