"""What of a group's past is still needed: everything that a later occurrence, or one in time, may be judged by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from services.monitoring.domain.extensions import Dormant, FirstSeen, IntervalJoin, Travel
from services.monitoring.domain.first_seen import kept_of_dormant, kept_of_first_seen
from services.monitoring.domain.holds import in_milliseconds
from services.monitoring.domain.interval_join import kept_of_interval_join
from services.monitoring.domain.measures import Occurrence
from services.monitoring.domain.sigma import Bound, Correlation, WindowKind
from services.monitoring.domain.travel import located
from services.monitoring.domain.windows import spans_of_windows

O = TypeVar("O", bound=Occurrence)  # noqa: E741 - of occurrences


def reach_ms(rule: Correlation) -> int:
    """Return how far before an occurrence another one may lie that decides whether the rule holds there."""
    width = in_milliseconds(rule.timespan)
    return width if isinstance(rule.condition, Bound) else 2 * width


def keep(rule: Correlation, occurrences: Sequence[O], horizon_ms: int) -> Sequence[O]:
    """Return what is needed to judge every time after the horizon, if nothing more comes from before it."""
    width = in_milliseconds(rule.timespan)
    found: Sequence[Occurrence]
    match rule.extension:
        case FirstSeen():
            found = kept_of_first_seen(rule.extension, occurrences, width=width, horizon_ms=horizon_ms)
        case Dormant():
            found = kept_of_dormant(occurrences, width=width, horizon_ms=horizon_ms)
        case IntervalJoin():
            found = kept_of_interval_join(
                rule.extension, rule.extra_fields, occurrences, width=width, horizon_ms=horizon_ms
            )
        case Travel():
            found = _kept_of_travel(rule.extension, occurrences, width=width, horizon_ms=horizon_ms)
        case _:
            found = _kept_of_windows(rule, occurrences, horizon_ms=horizon_ms)
    return found  # type: ignore[return-value]


def _kept_of_windows(rule: Correlation, occurrences: Sequence[Occurrence], *, horizon_ms: int) -> Sequence[Occurrence]:
    if rule.window is WindowKind.SLIDING:
        oldest = horizon_ms - reach_ms(rule)
        return [one for one in occurrences if one.time_ms > oldest]
    width = in_milliseconds(rule.timespan)
    for begin, end in spans_of_windows(rule, occurrences):
        if occurrences[end - 1].time_ms > horizon_ms - width:
            return occurrences[begin:]
    return ()


def _kept_of_travel(
    extension: Travel, occurrences: Sequence[Occurrence], *, width: int, horizon_ms: int
) -> Sequence[Occurrence]:
    """Return the newest place of the past and all that is later."""
    past = [one.place for one in located(extension, occurrences) if horizon_ms - width < one.time_ms <= horizon_ms]
    newest = past[-1:]
    later = [place for place, one in enumerate(occurrences) if one.time_ms > horizon_ms]
    return [occurrences[place] for place in (*newest, *later)]
