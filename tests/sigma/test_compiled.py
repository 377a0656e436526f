"""What is compiled finds what the closures of `predicates` find, whatever the rules and the events are."""

from __future__ import annotations

import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain import conditions as of
from services.monitoring.domain.conditions import Condition, Every, Exists, Some, Text, fields_of, leaves
from services.monitoring.domain.layout import Dictionaries, Structs
from services.monitoring.domain.matching import Matcher
from services.monitoring.domain.predicates import predicate
from tests.sigma import made


def expected(rules: list[Condition], events: list[dict[str, object]]) -> list[tuple[int, int]]:
    predicates = [predicate(rule) for rule in rules]
    found = [
        (place, sum(1 << bit for bit, holds in enumerate(predicates) if holds(event)))
        for place, event in enumerate(events)
    ]
    return [one for one in found if one[1]]


def as_structs(rules: list[Condition], events: list[dict[str, object]]) -> tuple[Matcher, list[object]]:
    presence = {test.field for rule in rules for test in leaves(rule) if isinstance(test.check, Exists)}
    layout = Structs(sorted(frozenset().union(*map(fields_of, rules))), presence=sorted(presence))
    return Matcher(rules, layout), [msgspec.json.decode(json.dumps(event), type=layout.type) for event in events]


@settings(max_examples=250, deadline=None)
@given(made.rules_of_types(), st.lists(made.events, max_size=6))
def test_structs_match_as_the_closures_say(rules, events):
    matcher, decoded = as_structs(rules, events)

    assert [(place, found) for place, _, found in matcher.scan(decoded)] == expected(rules, events)
    assert [(place, found) for place, event in enumerate(decoded) if (found := matcher.match(event))] == expected(
        rules, events
    )


@settings(max_examples=150, deadline=None)
@given(
    st.lists(made.conditions(st.one_of(made.tests, made.keywords)), min_size=1, max_size=4),
    st.lists(made.events, max_size=6),
)
def test_dictionaries_match_as_the_closures_say(rules, events):
    found = Matcher(rules, Dictionaries()).scan(events)

    assert [(place, rules_found) for place, _, rules_found in found] == expected(rules, events)


@settings(max_examples=200, deadline=None)
@given(made.events)
def test_a_struct_reads_what_a_dictionary_reads(event):
    layout = Structs(made.FIELDS)
    struct = msgspec.json.decode(json.dumps(event), type=layout.type)

    for field in made.FIELDS:
        assert layout.reader(field)(struct) == Dictionaries().reader(field)(event), field


def test_more_values_than_are_remembered_are_still_matched():
    rules: list[Condition] = [Every((of.Test("type", Text(("even",))), of.Test("user", Text((None, "a", None)))))]
    rules += [
        Some((of.Test("type", Text((None, str(digit)))), of.Test("type", Text(("even",))))) for digit in range(10)
    ]
    events = [{"type": f"value-{number}", "user": "a"} for number in range(20_000)] + [{"type": "EVEN", "user": "xAx"}]
    matcher, decoded = as_structs(rules, events)

    found = [(place, bits) for place, _, bits in matcher.scan(decoded)]

    assert found == expected(rules, events)
    assert found[-1] == (20_000, (1 << 11) - 1)
