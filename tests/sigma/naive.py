"""Correlations by brute force: every window of every event; written without the engine's code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Seen(NamedTuple):
    """A match, as simple as can be."""

    time_ms: int
    id: str
    rule: str
    values: tuple[object, ...] | None = None


def window(matches: Sequence[Seen], at: Seen, width: int) -> list[Seen]:
    """Those in `(t - width, t]`; of the same millisecond those before it in order and itself."""
    return [one for one in matches if at.time_ms - width < one.time_ms and (one.time_ms, one.id) <= (at.time_ms, at.id)]


def counted(matches: Sequence[Seen], width: int, threshold: int) -> list[tuple[str, int]]:
    """Each event at which so many lie in the window, with how many."""
    found = ((one.id, len(window(matches, one, width))) for one in sorted(matches))
    return [(name, count) for name, count in found if count >= threshold]


def distinct(matches: Sequence[Seen], width: int, threshold: int) -> list[tuple[str, int]]:
    found = (
        (one.id, len({near.values for near in window(matches, one, width) if near.values is not None}))
        for one in sorted(matches)
    )
    return [(name, count) for name, count in found if count >= threshold]


def together(matches: Sequence[Seen], width: int, rules: Sequence[str]) -> list[str]:
    return [one.id for one in sorted(matches) if set(rules) <= {near.rule for near in window(matches, one, width)}]


def in_order(matches: Sequence[Seen], width: int, rules: Sequence[str]) -> set[int]:
    """The times at which a chain of the rules, in order and within the window, ends."""

    def chains(length: int, not_before: int, begun: int | None) -> set[int]:
        if length == len(rules):
            return {not_before}
        ends: set[int] = set()
        for one in matches:
            start = one.time_ms if begun is None else begun
            if one.rule == rules[length] and one.time_ms >= not_before and one.time_ms - start < width:
                ends |= chains(length + 1, one.time_ms, start)
        return ends

    return chains(0, -(1 << 62), None)
