"""What can be set for a rule, and in which direction a setting makes it find less."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from services.monitoring.domain.configuration import Tuning
from services.monitoring.domain.effective import has_threshold
from services.monitoring.domain.sigma import Bound, Correlation, Head, Kind, Never, RuleSet, WindowKind


class Stricter(StrEnum):
    """Which values of a number make a rule find more."""

    LOWER = "lower"
    HIGHER = "higher"
    UNKNOWN = "unknown"
    """It depends on the events."""


@dataclass(frozen=True, kw_only=True)
class RuleFacts:
    """One raising rule."""

    head: Head
    is_own: bool
    severity: str
    definition: str
    """A hash of all that it evaluates: another one may find less."""
    threshold: float | None = None
    """None: it has none that can be set."""
    timespan: timedelta | None = None
    """None: it judges single events."""
    stricter_threshold: Stricter = Stricter.UNKNOWN
    stricter_timespan: Stricter = Stricter.UNKNOWN
    correlation: Correlation | None = None
    is_below: bool = False
    """Whether other rules rest on it: then its numbers count although it raises nothing itself."""

    @property
    def name(self) -> str:
        """What alerts call the rule."""
        return self.head.name or self.head.id

    def tuned(self, tuning: Tuning) -> tuple[str, float | None, timedelta | None]:
        """Return severity, threshold and timespan with that setting."""
        threshold = tuning.threshold if self.threshold is not None and tuning.threshold is not None else self.threshold
        timespan = tuning.timespan if self.timespan is not None and tuning.timespan is not None else self.timespan
        return tuning.severity or self.severity, threshold, timespan


def facts_of(rules: RuleSet, raising: Mapping[str, Head], *, is_own: bool = False) -> dict[str, RuleFacts]:
    """Return what there is to know of each rule that raises; `rules` has all that these refer to."""
    correlations = {one.head.id: one for one in rules.correlations}
    return {
        identity: _correlation(rules, correlations[identity], is_own=is_own)
        if identity in correlations
        else RuleFacts(
            head=head,
            is_own=is_own,
            severity=head.level,
            definition=_hash(_definition(rules, identity)),
            is_below=bool(_above(rules, identity)),
        )
        for identity, head in raising.items()
    }


def _correlation(rules: RuleSet, rule: Correlation, *, is_own: bool) -> RuleFacts:
    threshold = rule.condition.number if has_threshold(rule) and isinstance(rule.condition, Bound) else None
    above = _above(rules, rule.head.id)
    is_told = all(_is_helped_by_more(one) for one in above)
    return RuleFacts(
        head=rule.head,
        is_own=is_own,
        severity=rule.head.level,
        definition=_hash(_definition(rules, rule.head.id)),
        threshold=threshold,
        timespan=rule.timespan,
        stricter_threshold=_stricter_threshold(rule) if is_told else Stricter.UNKNOWN,
        stricter_timespan=_stricter_timespan(rule) if is_told else Stricter.UNKNOWN,
        correlation=rule,
        is_below=bool(above),
    )


def _above(rules: RuleSet, identity: str) -> list[Correlation]:
    """Return every correlation that rests on the rule, directly or not; each comes after what it refers to."""
    known, found = {identity}, []
    for one in rules.correlations:
        if known & {*one.references}:
            known.add(one.head.id)
            found.append(one)
    return found


def _is_helped_by_more(rule: Correlation) -> bool:
    """Say whether the rule can only hold more often where what it rests on does."""
    if rule.extension is not None or rule.also:
        return False
    condition = rule.condition
    if not isinstance(condition, Bound):
        return not _has_never(condition)
    return condition.operator in ("gte", "gt") and not rule.kind.startswith(
        ("value_sum", "value_avg", "value_p", "value_m")
    )


def _stricter_threshold(rule: Correlation) -> Stricter:
    match rule.condition:
        case Bound(operator="gte" | "gt"):
            return Stricter.LOWER
        case Bound(operator="lte" | "lt"):
            return Stricter.HIGHER
        case _:
            return Stricter.UNKNOWN


def _stricter_timespan(rule: Correlation) -> Stricter:
    """A longer sliding window has what a shorter one has and more: that decides where more can only help or only hurt.

    Means, sums, extensions and further bounds can go either way, and windows with fixed limits cut elsewhere.
    """
    if rule.extension is not None or rule.also or rule.window is not WindowKind.SLIDING:
        return Stricter.UNKNOWN
    condition = rule.condition
    if not isinstance(condition, Bound):
        return Stricter.UNKNOWN if _has_never(condition) else Stricter.HIGHER
    if rule.kind not in (Kind.EVENT_COUNT, Kind.VALUE_COUNT, Kind.TEMPORAL, Kind.TEMPORAL_ORDERED):
        return Stricter.UNKNOWN
    return {"gte": Stricter.HIGHER, "gt": Stricter.HIGHER, "lte": Stricter.LOWER, "lt": Stricter.LOWER}.get(
        condition.operator, Stricter.UNKNOWN
    )


def _has_never(condition: object) -> bool:
    if isinstance(condition, Never):
        return True
    return any(_has_never(one) for one in getattr(condition, "of", ()))


def _definition(rules: RuleSet, identity: str) -> Iterator[str]:
    """Yield what decides whether the rule holds, without what it says about itself."""
    if identity in rules.selections:
        one = rules.selections[identity]
        yield repr(
            (one.condition, one.logsource, one.head.extensions.get("group_by"), one.head.extensions.get("quiet"))
        )
        return
    rule = next(one for one in rules.correlations if one.head.id == identity)
    yield repr(
        (rule.kind, rule.references, rule.group_by, sorted((k, sorted(v.items())) for k, v in rule.aliases.items()))
    )
    yield repr((rule.timespan, rule.condition, rule.window, rule.gap, rule.pause, rule.extension, rule.also))
    for reference in rule.references:
        yield from _definition(rules, reference)


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
