"""The pack as a tenant has set it: which rules run, with which bounds, which of them raise and how."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from services.monitoring.domain.configuration import Configuration, Mode, Tuning
from services.monitoring.domain.program import Excepting, Raising
from services.monitoring.domain.sigma import Bound, Correlation, Head, RuleSet

NO_RULES = RuleSet({}, ())


@dataclass(frozen=True)
class Effective:
    """What counts for a tenant."""

    rules: RuleSet
    raising: Mapping[str, Raising]
    """By the rule's id: only these raise."""
    exceptions: tuple[Excepting, ...] = ()


def effective(
    pack: RuleSet,
    *,
    raising: Mapping[str, Head],
    configuration: Configuration,
    own: RuleSet = NO_RULES,
    own_raising: Mapping[str, Head] | None = None,
    exceptions: Collection[Excepting] = (),
) -> Effective:
    """Return the rules that run for the tenant.

    What is switched off raises nothing, and does not run unless another rule rests on it. Settings of rules that there
    are not, and of what a rule does not have, are without effect.

    Args:
        pack: every rule of the pack.
        raising: what its detections say about themselves, by their ids.
        configuration: the tenant's.
        own: the tenant's own rules; they may refer to the pack's.
        own_raising: those of them that raise.
        exceptions: compiled.
    """
    heads = {**raising, **(own_raising or {})}
    modes = {rule: configuration.tuning(rule) for rule in heads}
    kept = {rule: _raising(heads[rule], tuning) for rule, tuning in modes.items() if tuning.mode is not Mode.OFF}
    rules = RuleSet(
        {**pack.selections, **own.selections},
        tuple(tuned(one, configuration.tuning(one.head.id)) for one in (*pack.correlations, *own.correlations)),
    )
    return Effective(
        rules=_without(rules, heads.keys() - kept.keys()),
        raising=kept,
        exceptions=tuple(one for one in exceptions if one.rule in kept),
    )


def tuned(rule: Correlation, tuning: Tuning) -> Correlation:
    """Return the rule with the tenant's threshold and timespan, where it has such."""
    condition = rule.condition
    if tuning.threshold is not None and has_threshold(rule) and isinstance(condition, Bound):
        condition = replace(condition, number=_number(tuning.threshold))
    return replace(rule, condition=condition, timespan=tuning.timespan or rule.timespan)


def has_threshold(rule: Correlation) -> bool:
    """Say whether a tenant can set a number that the rule's value is compared with."""
    return rule.extension is None and isinstance(rule.condition, Bound) and not rule.kind.startswith("temporal")


def _number(threshold: float) -> float:
    """Return a whole number as one: so it is shown, and so it makes the same version as the rule's own."""
    return int(threshold) if threshold == int(threshold) else threshold


def _raising(head: Head, tuning: Tuning) -> Raising:
    return Raising(severity=tuning.severity or head.level, mode=tuning.mode.value)


def _without(rules: RuleSet, off: Collection[str]) -> RuleSet:
    """Leave out what is off and nothing rests on; from the last on, as each rule comes after those it refers to."""
    needed: set[str] = set()
    correlations: list[Correlation] = []
    for rule in reversed(rules.correlations):
        if rule.head.id not in off or rule.head.id in needed:
            needed.update(rule.references)
            correlations.append(rule)
    selections = {name: one for name, one in rules.selections.items() if name not in off or name in needed}
    return RuleSet(selections, tuple(reversed(correlations)))
