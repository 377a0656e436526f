"""Whether an extension fits the correlation it stands in: what would be without effect, or never hold, is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from services.monitoring.domain.extensions import Burst, Dormant, Extension, FirstSeen, IntervalJoin, Rare, Ring, Travel
from services.monitoring.domain.sigma import Bound, Correlation, Kind, WindowKind
from services.monitoring.sigma.keys import ExtensionError

_NAMES: dict[type, str] = {
    FirstSeen: "first_seen",
    Dormant: "dormant",
    Travel: "impossible_travel",
    Rare: "baseline",
    Burst: "baseline",
    IntervalJoin: "interval_join",
    Ring: "ring",
}

_TYPES: dict[type, frozenset[Kind]] = {
    Burst: frozenset({Kind.EVENT_COUNT, Kind.VALUE_COUNT}),
    IntervalJoin: frozenset({Kind.TEMPORAL}),
}
"""Which correlations it can stand in; any other in an `event_count`."""

_TEMPORAL = frozenset({Kind.TEMPORAL, Kind.TEMPORAL_ORDERED})


def fitting(rule: Correlation) -> Correlation:
    """Return the rule, if what it says under `nuxari` goes with the rest of it.

    Raises:
        ExtensionError: it does not.
    """
    if rule.also and rule.kind in _TEMPORAL:
        raise _at("also", "is for correlations that count or calculate, not for temporal ones")
    if rule.gap is not None and rule.window is not WindowKind.SESSION:
        raise _at("gap", "is for a 'window' that is a session")
    if rule.extension is not None:
        _refuse(rule, rule.extension)
    return rule


def _refuse(rule: Correlation, extension: Extension) -> None:
    name = _NAMES[type(extension)]
    for other in ("also", "window", "gap"):
        if other in rule.head.extensions:
            raise _at(other, f"has no part in '{name}', which has its own way to look back")
    kinds = _TYPES.get(type(extension), frozenset({Kind.EVENT_COUNT}))
    if rule.kind not in kinds:
        raise _at(name, f"is for correlations of the type {' or '.join(sorted(kinds))}")
    least = 2 if isinstance(extension, Travel) else 1
    if not _is_plain(rule, least=least):
        raise ExtensionError(f"with '{name}' a 'condition' is gte: {least}", path=("correlation", "condition"))
    for key, reason in _reasons(rule, extension):
        raise ExtensionError(reason, path=("nuxari", name, key) if key else ("nuxari", name))


def _is_plain(rule: Correlation, *, least: int) -> bool:
    """Say whether the condition is the one that a kind of its own leaves to Sigma; a temporal rule need not say it."""
    condition = rule.condition
    if not isinstance(condition, Bound) or condition.operator != "gte":
        return False
    return condition.number == least or (rule.kind is Kind.TEMPORAL and condition.number == len(set(rule.references)))


def _reasons(rule: Correlation, extension: Extension) -> Iterator[tuple[str, str]]:
    """Yield each reason why it could never hold, with the key that it is about."""
    match extension:
        case FirstSeen(learning=timedelta() as learning) if learning >= rule.timespan:
            yield "learning", "'learning' of 'first_seen' is shorter than the 'timespan', or nothing is ever learned"
        case Dormant() if extension.silence >= rule.timespan:
            yield "for", "'for' of 'dormant' is shorter than the 'timespan', or nobody is remembered that long"
        case Burst() if (extension.samples + 1) * extension.per > rule.timespan:
            yield "samples", "the 'timespan' has no room for so many 'samples' of 'baseline' before the last one"
        case IntervalJoin():
            yield from _names_of(rule, extension)
        case _:
            return


def _names_of(rule: Correlation, extension: IntervalJoin) -> Iterator[tuple[str, str]]:
    """What is joined are the rules that the correlation names, no more and no fewer."""
    joined = {*extension.actions, *(name for one in extension.intervals for name in (*one.begin, *one.end))}
    for name in sorted(joined - {*rule.references}):
        yield "", f"'{name}' is joined by 'interval_join' and not among the 'rules' of the correlation"
    for name in sorted({*rule.references} - joined):
        yield "", f"'{name}' is among the 'rules' of the correlation and not joined by 'interval_join'"


def _at(name: str, reason: str) -> ExtensionError:
    return ExtensionError(f"'{name}' {reason}", path=("nuxari", name))
