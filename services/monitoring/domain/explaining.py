"""Why a rule holds for an event, and why not: every test with the value that it saw, every count with what it lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.monitoring.domain.conditions import (
    Check,
    Comparison,
    Condition,
    Every,
    Exists,
    Expression,
    Flag,
    Network,
    Not,
    Null,
    Number,
    SameAs,
    Some,
    Test,
    Text,
    TimePart,
)
from services.monitoring.domain.evaluation import Evaluation, Given
from services.monitoring.domain.fields import reader
from services.monitoring.domain.findings import Finding
from services.monitoring.domain.grouping import names_of
from services.monitoring.domain.predicates import predicate
from services.monitoring.domain.sigma import All, Any_, Bound, Correlation, Happened, Never, Reference, RuleSet

_SIGNS = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<", "eq": "=", "neq": "!="}


@dataclass(frozen=True)
class Step:
    """One thing that was looked at."""

    said: str
    holds: bool
    value: Any = None
    """What was there: a field's value, a count."""
    parts: Sequence[Step] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        found: dict[str, Any] = {"said": self.said, "holds": self.holds, "value": self.value}
        return {**found, "parts": [one.as_json() for one in self.parts]} if self.parts else found


def explained(rules: RuleSet, rule: str, event: Given, others: Sequence[Given] = ()) -> Step:
    """Return what the rule makes of the event, with the other events around it.

    Raises:
        KeyError: there is no rule of that id or name.
    """
    found = _named(rules, rule)
    if isinstance(found, Correlation):
        return _correlation(rules, found, event, others)
    return Step(
        f"rule '{found.head.title}'",
        predicate(found.condition)(event.fields),
        None,
        [_tests(found.condition, event.fields)],
    )


def _named(rules: RuleSet, name: str) -> Any:  # noqa: ANN401 - a selection or a correlation
    every: list[Any] = [*rules.selections.values(), *rules.correlations]
    for one in every:
        if name in (one.head.id, one.head.name):
            return one
    raise KeyError(f"there is no rule '{name}'")


def _correlation(rules: RuleSet, rule: Correlation, event: Given, others: Sequence[Given]) -> Step:
    steps = [_reference(rules, rule, one, event, others) for one in dict.fromkeys(rule.references)]
    steps += [_group(rule, one, event) for one in dict.fromkeys(rule.references) if _matches(rules, one, event)]
    findings = _about(rule, event, _findings(rules, [*others, event]))
    steps.append(_count(rule, event, findings, rules, others))
    return Step(f"correlation '{rule.head.title}' ({rule.kind}) within {rule.timespan}", bool(findings), None, steps)


def _reference(rules: RuleSet, rule: Correlation, name: str, event: Given, others: Sequence[Given]) -> Step:
    """Say whether a rule that is correlated matches the event itself."""
    del rule
    if name in rules.selections:
        one = rules.selections[name]
        return Step(
            f"rule '{one.head.name or one.head.title}' matches this event",
            predicate(one.condition)(event.fields),
            None,
            [_tests(one.condition, event.fields)],
        )
    return explained(rules, name, event, others)


def _matches(rules: RuleSet, name: str, event: Given) -> bool:
    return name in rules.selections and predicate(rules.selections[name].condition)(event.fields)


def _group(rule: Correlation, name: str, event: Given) -> Step:
    """Say which group the event belongs to, and which field it lacks if it belongs to none."""
    fields = names_of(rule, rule.group_by, name)
    values = {one: reader(one)(event.fields) for one in fields}
    missing = [one for one, value in values.items() if value is None]
    if missing:
        said = f"it lacks {', '.join(missing)}: it is put together with nobody"
        return Step(said, holds=False, value=values)
    return Step("it belongs to the group", holds=True, value=values)


def _findings(rules: RuleSet, events: Sequence[Given]) -> list[Finding]:
    evaluation = Evaluation(RuleSet(rules.selections, _all_raising(rules)))
    for one in sorted(events, key=lambda one: one.place):
        evaluation.take(one)
    return evaluation.findings()


def _all_raising(rules: RuleSet) -> tuple[Correlation, ...]:
    return tuple(replace(one, generate=True) for one in rules.correlations)


def _about(rule: Correlation, event: Given, findings: Sequence[Finding]) -> list[Finding]:
    return [
        one
        for one in findings
        if one.head.id == rule.head.id and any(seen.place == event.place for seen in one.evidence)
    ]


def _count(
    rule: Correlation, event: Given, findings: Sequence[Finding], rules: RuleSet, others: Sequence[Given]
) -> Step:
    del event
    wanted = _bound(rule.condition, rules)
    if findings:
        best = findings[0]
        return Step(f"{wanted}: reached", holds=True, value=best.value)
    counts = {
        rules.selections[one].head.name or one: sum(_matches(rules, one, other) for other in others)
        for one in dict.fromkeys(rule.references)
        if one in rules.selections
    }
    return Step(
        f"{wanted}: not reached by the events of its group and window", holds=False, value={"matches in all": counts}
    )


def _bound(condition: Bound | Happened, rules: RuleSet) -> str:
    if isinstance(condition, Bound):
        about = f" of {', '.join(condition.fields)}" if condition.fields else ""
        return f"value{about} {_SIGNS[condition.operator]} {condition.number:g}"
    return f"condition {_happened(condition, rules)}"


def _happened(condition: Happened, rules: RuleSet) -> str:
    match condition:
        case Reference(name):
            return _title(rules, name)
        case Never(part):
            return f"not {_happened(part, rules)}"
        case All(parts):
            return f"({' and '.join(_happened(one, rules) for one in parts)})"
        case Any_(parts):
            return f"({' or '.join(_happened(one, rules) for one in parts)})"


def _title(rules: RuleSet, name: str) -> str:
    found = _named(rules, name)
    return str(found.head.name or found.head.id)


def _tests(condition: Condition, event: Mapping[str, Any]) -> Step:
    holds = predicate(condition)(dict(event))
    match condition:
        case Test(name, check):
            value = None if name is None else reader(name)(event)
            return Step(f"{name or 'any field'} {_words(check)}", holds, value)
        case Every(parts):
            return Step("all of", holds, None, [_tests(one, event) for one in parts])
        case Some(parts):
            return Step("one of", holds, None, [_tests(one, event) for one in parts])
        case Not(part):
            return Step("not", holds, None, [_tests(part, event)])


def _words(check: Check) -> str:  # noqa: PLR0911, C901 - one line for each check
    match check:
        case Text(parts):
            shown = "".join("*" if one is None else "?" if one is False else str(one) for one in parts)
            return f"is '{shown}'"
        case Number(number):
            return f"is {number:g}"
        case Flag(value):
            return f"is {str(value).lower()}"
        case Null():
            return "is missing"
        case Exists(there):
            return "is there" if there else "is not there"
        case Comparison(name, number):
            return f"{_SIGNS[name]} {number:g}"
        case Network(network):
            return f"is in {network}"
        case Expression(_, source):
            return f"matches /{source}/"
        case SameAs(other, how):
            return f"{how} the field {other}"
        case TimePart(part, number):
            return f"has {part} {number}"


def flat(step: Step, *, depth: int = 0) -> Iterator[tuple[int, Step]]:
    """Yield each step with its depth, as it is read."""
    yield depth, step
    for one in step.parts:
        yield from flat(one, depth=depth + 1)
