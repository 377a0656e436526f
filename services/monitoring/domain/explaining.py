"""Why a rule holds for an event, and why not: every test with the value that it saw, every count with what it lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
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
from services.monitoring.domain.extensions import (
    Burst,
    Dormant,
    FirstSeen,
    Further,
    IntervalJoin,
    OneOf,
    Rare,
    Ring,
    Travel,
)
from services.monitoring.domain.fields import reader
from services.monitoring.domain.grouping import Key, names_of
from services.monitoring.domain.predicates import predicate
from services.monitoring.domain.reached import Reached, reached
from services.monitoring.domain.sigma import (
    All,
    Any_,
    Bound,
    Correlation,
    Happened,
    Never,
    Reference,
    RuleSet,
    Selection,
)

_SIGNS = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<", "eq": "=", "neq": "!="}

_KINDS: dict[type, str] = {
    FirstSeen: "never seen before",
    Dormant: "after a long silence",
    Travel: "faster than anybody travels",
    Rare: "seldom so",
    Burst: "far more than ever before",
    IntervalJoin: "outside or inside of what covers it",
    Ring: "in a ring",
}


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

    `event` must not be one of the `others`; each has a place of its own.

    Raises:
        KeyError: there is no rule of that id or name.
    """
    found = _named(rules, rule)
    evaluation = Evaluation(RuleSet(rules.selections, _all_raising(rules)))
    if isinstance(found, Correlation):
        for one in sorted([*others, event], key=lambda one: one.place):
            evaluation.take(one)
        evaluation.findings()
    return _Explaining(rules, event, evaluation).rule(found)


def _named(rules: RuleSet, name: str) -> Selection | Correlation:
    every: list[Selection | Correlation] = [*rules.selections.values(), *rules.correlations]
    for one in every:
        if name in (one.head.id, one.head.name):
            return one
    raise KeyError(f"there is no rule '{name}'")


def _all_raising(rules: RuleSet) -> tuple[Correlation, ...]:
    return tuple(replace(one, generate=True) for one in rules.correlations)


class _Explaining:
    """One event among others, after the rules were run over all of them."""

    def __init__(self, rules: RuleSet, event: Given, evaluation: Evaluation) -> None:
        self._rules = rules
        self._event = event
        self._evaluation = evaluation

    def rule(self, rule: Selection | Correlation) -> Step:
        """Return why the rule holds or not."""
        if isinstance(rule, Correlation):
            return self._correlation(rule)
        tests = _tests(rule.condition, self._event.fields)
        return Step(f"rule '{rule.head.title}'", tests.holds, None, [tests])

    def _correlation(self, rule: Correlation) -> Step:
        references = list(dict.fromkeys(rule.references))
        steps = [self._reference(one) for one in references]
        steps += [self._group(rule, one) for one in references if self._matches(one)]
        counted = [self._counted(rule, key) for key in self._groups(rule)]
        holds = any(one.holds for one in counted)
        said = f"correlation '{rule.head.title}' ({rule.kind}) within {span(rule.timespan)}"
        return Step(said, holds, None, [*steps, *counted] if counted else [*steps, self._uncounted(rule)])

    def _reference(self, name: str) -> Step:
        """Say whether a rule that is correlated matches the event itself."""
        if name not in self._rules.selections:
            return self.rule(_named(self._rules, name))
        one = self._rules.selections[name]
        tests = _tests(one.condition, self._event.fields)
        return Step(f"rule '{one.head.name or one.head.title}' matches this event", tests.holds, None, [tests])

    def _matches(self, name: str) -> bool:
        return name in self._rules.selections and predicate(self._rules.selections[name].condition)(self._event.fields)

    def _group(self, rule: Correlation, name: str) -> Step:
        """Say which group the event belongs to, and which field it lacks if it belongs to none."""
        values = {one: reader(one)(self._event.fields) for one in names_of(rule, rule.group_by, name)}
        missing = [one for one, value in values.items() if value is None]
        if missing:
            said = f"it lacks {', '.join(missing)}: it is put together with nobody"
            return Step(said, holds=False, value=values)
        return Step("it belongs to the group", holds=True, value=values)

    def _groups(self, rule: Correlation) -> list[Key]:
        groups = self._evaluation.groups_of(rule.head.id)
        return [key for key, matches in groups.items() if any(one.place == self._event.place for one in matches)]

    def _counted(self, rule: Correlation, key: Key) -> Step:
        """Say what the group comes to in the window that has the event in it and most of the others."""
        found = reached(rule, self._evaluation.groups_of(rule.head.id)[key], self._event.place)
        window = f"in ({_time(found.after_ms)}, {_time(found.until_ms)}]"
        parts = [*self._counts(rule, found), *_further(rule, found), *_same(found)]
        return Step(f"{_asked(rule, self._rules)} {window}", found.holds, found.value, parts)

    def _counts(self, rule: Correlation, found: Reached) -> Iterator[Step]:
        for one in dict.fromkeys(rule.references):
            count = found.counts.get(one, 0)
            is_wanted = (count > 0) == (one in rule.wanted)
            yield Step(f"events of '{_title(self._rules, one)}' in the window", is_wanted, count)

    def _uncounted(self, rule: Correlation) -> Step:
        said = f"{_asked(rule, self._rules)}: this event is in none of its groups"
        return Step(said, holds=False, value={"groups": len(self._evaluation.groups_of(rule.head.id))})


def _further(rule: Correlation, found: Reached) -> Iterator[Step]:
    del rule
    yield from (Step(f"further: {_further_words(one)}", holds) for one, holds in found.further)


def _same(found: Reached) -> Iterator[Step]:
    for name, (value, count) in found.same.items():
        yield Step(f"{name}: {count} earlier events of the group have the same value", value is not None, value)


def _further_words(one: Further) -> str:
    if isinstance(one, OneOf):
        return " or ".join(map(_further_words, one.of))
    about = f" {', '.join(one.fields)}" if one.fields else ""
    return f"{one.measure}{about} {_SIGNS[one.operator]} {one.number:g}{' ms' if one.measure == 'span' else ''}"


def _asked(rule: Correlation, rules: RuleSet) -> str:
    """Say what the rule asks of a window."""
    if rule.extension is None:
        return _bound(rule.condition, rules)
    shown = (f"{one.name} {value}" for one in fields(rule.extension) if (value := getattr(rule.extension, one.name)))
    return f"{_KINDS[type(rule.extension)]} ({', '.join(shown)})".replace(" ()", "")


def span(length: timedelta) -> str:
    """Return the duration as rules write it: `10m`, `24h`, `400d`; exact to the second."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _time(milliseconds: int) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
