"""A tenant's own Sigma files: loaded beside the pack, limited in what they cost, or every fault with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sigma.correlations import SigmaCorrelationRule
from sigma.filters import SigmaFilter

from services.monitoring.domain.conditions import Condition, Expression, Text, fields_of, leaves
from services.monitoring.domain.grouping import fields_read
from services.monitoring.domain.sigma import Head, RuleSet
from services.monitoring.sigma.known_fields import unknown
from services.monitoring.sigma.loading import RulesError, load
from services.monitoring.sigma.pack import Pack
from services.monitoring.sigma.reading import Fault, Read, documents

MOST_FILES = 50
MOST_RULES = 100
LARGEST = 64 * 1024
"""Bytes of a file."""

LONGEST_TIMESPAN = timedelta(days=7)
"""What a group's state is kept for at most."""

MOST_TESTS = 200
"""Of one rule: the pack's largest has a few dozen."""

MOST_EXPRESSIONS = 10
"""Regular expressions of one rule: each takes some hundred times as long as the comparison of a text."""

LONGEST_EXPRESSION = 1000
"""Characters."""

MOST_COST = 5_000
"""Of all rules: as much as fits beside the pack without being noticed; a test of a text costs 1."""

MOST_SELECTIONS = 50
LONGEST_CONDITION = 1000
"""Characters."""

_OF_EXPRESSION, _OF_PATTERN = 50, 3

_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}\.ya?ml")

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")

MOST_GROUPED_BY = 8
"""Fields: what alerts name as their group."""

_PACK = "pack/"
"""What the pack's files are called where both are loaded; no file of a tenant has a name with a slash."""


@dataclass(frozen=True)
class OwnRules:
    """What the files say."""

    rules: RuleSet = field(default_factory=lambda: RuleSet({}, ()))
    """The tenant's rules alone; they may refer to the pack's."""
    raising: Mapping[str, Head] = field(default_factory=dict)
    warnings: tuple[Fault, ...] = ()
    """What is allowed and most likely no good."""
    cost: int = 0
    """Of judging one event by all of them, where the comparison of a text is 1."""


def own_rules(files: Mapping[str, str], pack: Pack) -> OwnRules:
    """Return the rules of the files.

    Raises:
        RulesError: with every fault that was found.
    """
    if not files:
        return OwnRules()
    _refuse(_wrong_files(files))
    found = [one for name, text in files.items() for one in documents(name, text)]
    read = [one for one in found if isinstance(one, Read)]
    _refuse([*(one for one in found if isinstance(one, Fault)), *_wrong_documents(read)])
    whole = load({f"{_PACK}{name}": text for name, text in pack.texts.items()} | dict(files))
    rules = _without(whole, pack.rules)
    places = {str(one.rule.id): one for one in read}
    _refuse(_too_costly(rules, places))
    cost = sum(cost_of(one.condition) for one in rules.selections.values())
    if cost > MOST_COST:
        first = read[0]
        _refuse([Fault(first.file, 1, f"all rules together cost {cost}; {MOST_COST} are allowed: test fewer patterns")])
    return OwnRules(rules, _raising(rules), tuple(_warnings(rules, whole, places)), cost)


def cost_of(condition: Condition) -> int:
    """Return what judging an event by the condition costs, where the comparison of a text is 1."""
    return sum(_weight(test.check) for test in leaves(condition))


def _weight(check: object) -> int:
    if isinstance(check, Expression):
        return _OF_EXPRESSION
    return _OF_PATTERN if isinstance(check, Text) and check.literal is None else 1


def _refuse(faults: Iterable[Fault]) -> None:
    found = list(faults)
    if found:
        raise RulesError(found)


def _wrong_files(files: Mapping[str, str]) -> Iterator[Fault]:
    if len(files) > MOST_FILES:
        yield Fault("", 1, f"there are {MOST_FILES} files at most")
    for name, text in files.items():
        if not _FILE.fullmatch(name):
            yield Fault(name[:100], 1, "a file is called by letters, digits, '.', '_' and '-', and ends in .yml")
        if len(text.encode()) > LARGEST:
            yield Fault(name[:100], 1, f"a file has {LARGEST} bytes at most")


def _wrong_documents(read: list[Read]) -> Iterator[Fault]:
    for one in read[MOST_RULES:]:
        yield Fault(one.file, one.document.line, f"there are {MOST_RULES} rules at most")
    for one in read:
        if isinstance(one.rule, SigmaFilter):
            reason = "a filter is no rule: what a detection shall not count is an exception"
            yield Fault(one.file, one.document.line_of_key("filter"), reason)
        elif one.rule.id is None:
            yield Fault(one.file, one.document.line_of_key("title"), "a rule needs an 'id', a UUID of its own")
        if one.rule.name is not None and not _NAME.fullmatch(one.rule.name):
            line = one.document.line_at("name")
            yield Fault(one.file, line, "a 'name' has letters, digits, '_' and '-', 100 at most")
        if "detection" in _extensions(one.content):
            yield Fault(one.file, one.document.line_at("nuxari", "detection"), "only the pack's rules have a number")
        if isinstance(one.rule, SigmaCorrelationRule):
            yield from _wrong_correlation(one, one.rule)
        yield from _wrong_detection(one, one.content.get("detection"))


def _wrong_detection(one: Read, detection: object) -> Iterator[Fault]:
    """Yield what would multiply: `1 of them` stands for every selection, wherever it is written."""
    if not isinstance(detection, dict):
        return
    conditions = detection.get("condition", "")
    texts = conditions if isinstance(conditions, list) else [conditions]
    line = one.document.line_at("detection", "condition")
    if len(detection) > MOST_SELECTIONS:
        yield Fault(one.file, line, f"a 'detection' has {MOST_SELECTIONS} selections at most")
    if sum(len(str(text)) for text in texts) > LONGEST_CONDITION:
        yield Fault(one.file, line, f"a 'condition' has {LONGEST_CONDITION} characters at most")


def _extensions(content: Mapping[str, Any]) -> Mapping[str, Any]:
    found = content.get("nuxari")
    return found if isinstance(found, dict) else {}


def _wrong_correlation(one: Read, rule: SigmaCorrelationRule) -> Iterator[Fault]:
    if not rule.group_by:
        line = one.document.line_of_key("correlation")
        yield Fault(one.file, line, "a correlation needs 'group-by': without it all events of the tenant are one group")
    elif len(rule.group_by) > MOST_GROUPED_BY:
        line = one.document.line_at("correlation", "group-by")
        yield Fault(one.file, line, f"a correlation is grouped by {MOST_GROUPED_BY} fields at most")
    if timedelta(seconds=rule.timespan.seconds) > LONGEST_TIMESPAN:
        line = one.document.line_at("correlation", "timespan")
        yield Fault(one.file, line, f"a 'timespan' is {LONGEST_TIMESPAN.days}d at most")


def _too_costly(rules: RuleSet, places: Mapping[str, Read]) -> Iterator[Fault]:
    for identity, rule in rules.selections.items():
        place = places[identity]
        line = place.document.line_of_key("detection")
        tests = list(leaves(rule.condition))
        expressions = [one.check for one in tests if isinstance(one.check, Expression)]
        if len(tests) > MOST_TESTS:
            yield Fault(place.file, line, f"a rule has {MOST_TESTS} tests at most, this one has {len(tests)}")
        if len(expressions) > MOST_EXPRESSIONS:
            reason = f"a rule has {MOST_EXPRESSIONS} regular expressions at most, this one has {len(expressions)}"
            yield Fault(place.file, line, reason)
        if any(len(one.source) > LONGEST_EXPRESSION for one in expressions):
            yield Fault(place.file, line, f"a regular expression has {LONGEST_EXPRESSION} characters at most")
        if any(one.field is None for one in tests):
            yield Fault(place.file, line, "a rule of the stream names fields: a text is not looked for in whole events")


def _without(whole: RuleSet, pack: RuleSet) -> RuleSet:
    """Return the rules that are not the pack's."""
    known = {one.head.id for one in pack.correlations}
    selections = {name: one for name, one in whole.selections.items() if name not in pack.selections}
    return RuleSet(selections, tuple(one for one in whole.correlations if one.head.id not in known))


def _raising(rules: RuleSet) -> dict[str, Head]:
    heads = [*(one.head for one in rules.selections.values()), *(one.head for one in rules.correlations)]
    raising = rules.raising()
    return {head.id: head for head in heads if head.id in raising}


def _warnings(rules: RuleSet, whole: RuleSet, places: Mapping[str, Read]) -> Iterator[Fault]:
    """Yield each field that no event has: a rule that asks for it finds nothing, or more than it should."""
    for identity, rule in rules.selections.items():
        yield from _unknown(places[identity], fields_of(rule.condition) | {*rule.head.extensions.get("group_by", ())})
    for correlation in rules.correlations:
        yield from _unknown(places[correlation.head.id], fields_read(RuleSet(whole.selections, (correlation,))))


def _unknown(place: Read, fields: Iterable[str | None]) -> Iterator[Fault]:
    for name in unknown(fields):
        yield Fault(place.file, _line_of_field(place, name), f"no event has the field '{name}'")


def _line_of_field(place: Read, name: str) -> int:
    document = place.document
    keys = [*_keys(place.content)]
    return document.line_of_key(*(key for key in keys if key.split("|")[0] == name), name)


def _keys(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield str(key)
            yield from _keys(value)
    elif isinstance(node, list):
        for one in node:
            yield from _keys(one)
