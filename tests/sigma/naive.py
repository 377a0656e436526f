"""Correlations by brute force: every window, every chain, every subset; written without the engine's code."""

from __future__ import annotations

import math
import operator
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple


class Seen(NamedTuple):
    """A match, as simple as can be."""

    time_ms: int
    id: str
    rule: str
    values: tuple[tuple[Any, ...], ...] = ()


Found = tuple[str, float]
"""The id of a match at which a correlation holds, and the value."""

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
    "eq": operator.eq,
    "neq": operator.ne,
}


def window(matches: Sequence[Seen], until: int, width: int) -> list[Seen]:
    """Those in `(until - width, until]`."""
    return [one for one in matches if until - width < one.time_ms <= until]


def measured(
    matches: Sequence[Seen], width: int, name: str, number: float, measure: Callable[[list[Seen]], float | None]
) -> set[Found]:
    found = ((one.id, measure(window(matches, one.time_ms, width))) for one in matches)
    return {(name_, value) for name_, value in found if value is not None and OPERATORS[name](value, number)}


def numbers(seen: Sequence[Seen]) -> list[float]:
    return [float(value) for one in seen for (value, *_) in one.values]


def event_count(seen: list[Seen]) -> float:
    return len(seen)


def value_count(seen: list[Seen]) -> float:
    return len({value for one in seen for value in one.values})


def temporal(seen: list[Seen]) -> float:
    return len({one.rule for one in seen})


def value_sum(seen: list[Seen]) -> float | None:
    return math.fsum(numbers(seen)) if numbers(seen) else None


def value_avg(seen: list[Seen]) -> float | None:
    return math.fsum(numbers(seen)) / len(numbers(seen)) if numbers(seen) else None


def value_median(seen: list[Seen]) -> float | None:
    return statistics.median(numbers(seen)) if numbers(seen) else None


def percentile(percent: int) -> Callable[[list[Seen]], float | None]:
    def measure(seen: list[Seen]) -> float | None:
        found = numbers(seen)
        if len(found) < 2:
            return found[0] if found else None
        if percent in (0, 100):
            return min(found) if percent == 0 else max(found)
        return statistics.quantiles(found, n=100, method="inclusive")[percent - 1]

    return measure


def chains(matches: Sequence[Seen], rules: Sequence[str], last: Seen) -> Iterator[list[Seen]]:
    """Every run of different matches, rules in their order, some left out, that ends with this one."""

    def before(place: int, chain: list[Seen]) -> Iterator[list[Seen]]:
        yield chain
        for earlier in range(place):
            for one in matches:
                if one.rule == rules[earlier] and one.time_ms <= chain[0].time_ms and one not in chain:
                    yield from before(earlier, [one, *chain])

    for place, rule in enumerate(rules):
        if rule == last.rule:
            yield from before(place, [last])


def in_order(matches: Sequence[Seen], width: int, rules: Sequence[str], name: str, number: float) -> set[Found]:
    found = set()
    for one in matches:
        lengths = [len(chain) for chain in chains(matches, rules, one) if one.time_ms - chain[0].time_ms < width]
        if lengths and OPERATORS[name](max(lengths), number):
            found.add((one.id, max(lengths)))
    return found


Condition = str | tuple[Any, ...]
"""A rule's name, or `("and", ...)`, `("or", ...)`, `("not", one)`."""


def cases(condition: Condition, *, is_wanted: bool = True) -> list[dict[str, bool]]:
    """Every way to hold: which rules have to match, which must not."""
    if isinstance(condition, str):
        return [{condition: is_wanted}]
    word, *parts = condition
    if word == "not":
        return cases(parts[0], is_wanted=not is_wanted)
    below = [cases(part, is_wanted=is_wanted) for part in parts]
    if (word == "or") is is_wanted:
        return [case for one in below for case in one]
    found: list[dict[str, bool]] = [{}]
    for one in below:
        found = [a | b for a in found for b in one if all(a.get(name, value) == value for name, value in b.items())]
    return found


def extended(
    matches: Sequence[Seen], width: int, rules: Sequence[str], condition: Condition, *, is_ordered: bool
) -> set[str]:
    case_holds = _case_in_order if is_ordered else _case
    return {one.id for one in matches if any(case_holds(matches, width, rules, case, one) for case in cases(condition))}


def _case(matches: Sequence[Seen], width: int, _: Sequence[str], case: dict[str, bool], last: Seen) -> bool:
    if not case.get(last.rule):
        return False
    begun = last.time_ms
    for rule in (rule for rule, is_wanted in case.items() if is_wanted):
        times = [one.time_ms for one in window(matches, last.time_ms, width) if one.rule == rule]
        if not times:
            return False
        begun = min(begun, max(times))
    return not any(
        case.get(one.rule) is False and abs(one.time_ms - other) < width
        for one in matches
        for other in (begun, last.time_ms)
        if abs(one.time_ms - begun) < width and abs(one.time_ms - last.time_ms) < width
    )


def _case_in_order(
    matches: Sequence[Seen], width: int, rules: Sequence[str], case: dict[str, bool], last: Seen
) -> bool:
    wanted = [rule for rule in rules if case.get(rule)]
    if not wanted or last.rule != wanted[-1]:
        return False
    turns = {last.rule: last.time_ms}
    until = last.time_ms
    for rule in reversed(wanted[:-1]):
        times = [
            one.time_ms for one in window(matches, last.time_ms, width) if one.rule == rule and one.time_ms <= until
        ]
        if not times:
            return False
        until = turns[rule] = max(times)
    return not any(
        _is_out_of_place(one, rules, turns, begun=until, until=last.time_ms, width=width)
        for one in matches
        if case.get(one.rule) is False
    )


def _is_out_of_place(
    one: Seen, rules: Sequence[str], turns: dict[str, int], *, begun: int, until: int, width: int
) -> bool:
    """Whether what must not match did, between the rules it is named between and within a window with all of them."""
    place = rules.index(one.rule)
    not_before = max((at for rule, at in turns.items() if rules.index(rule) < place), default=until - width + 1)
    not_after = min((at for rule, at in turns.items() if rules.index(rule) > place), default=begun + width - 1)
    return not_before <= one.time_ms <= not_after


def tumbling(matches: Sequence[Seen], width: int) -> list[list[Seen]]:
    return [
        [one for one in matches if one.time_ms // width == part] for part in {one.time_ms // width for one in matches}
    ]


def sessions(matches: Sequence[Seen], width: int, gap: int) -> list[list[Seen]]:
    found: list[list[Seen]] = []
    for one in sorted(matches):
        if found and one.time_ms - found[-1][-1].time_ms <= gap and one.time_ms - found[-1][0].time_ms < width:
            found[-1].append(one)
        else:
            found.append([one])
    return found
