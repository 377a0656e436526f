"""What the Sigma Rules Specification 2.1 says of rules of single events: a test a sentence, with its section.

Correlation rules are in `test_specification_of_correlations`, modifiers in `test_specification_of_modifiers`.
"""

from __future__ import annotations

import pytest

from services.monitoring.sigma.loading import RulesError, load
from tests.sigma.running import RULE, findings, matched


def refused(detection: str) -> str:
    with pytest.raises(RulesError) as error:
        load({"rules.yml": RULE.format(title="rule", detection=detection)})
    return str(error.value)


def test_all_values_are_treated_as_case_insensitive_strings():
    """Detection, General."""
    events = [{"user": "Admin"}, {"user": "ADMIN"}, {"user": "admins"}, {"other": "admin"}]

    assert matched("s: {user: aDmin}, condition: s", *events) == [0, 1]


def test_a_number_equals_its_text_and_a_text_its_number():
    """Detection, General: all values are strings."""
    assert matched("s: {id: 4625}, condition: s", {"id": 4625}, {"id": "4625"}, {"id": 4625.0}, {"id": 46250}) == [
        0,
        1,
        2,
    ]
    assert matched("s: {id: '4625'}, condition: s", {"id": 4625}, {"id": "4625"}, {"id": True}) == [0, 1]
    assert matched("s: {ok: true}, condition: s", {"ok": True}, {"ok": "true"}, {"ok": "TRUE"}, {"ok": 1}) == [0, 1, 2]
    assert matched("s: {ok: 'true'}, condition: s", {"ok": True}, {"ok": "true"}, {"ok": False}) == [0, 1]
    assert matched(
        "s: {n: 1}, condition: s", {"n": True}, {"n": "1_0"}, {"n": " 1"}, {"n": "\u0661"}, {"n": "1.0"}
    ) == [4]


def test_a_question_mark_stands_for_a_single_mandatory_character():
    """Detection, String Wildcard."""
    events = [{"p": "progA.exe"}, {"p": "prog.exe"}, {"p": "progAB.exe"}, {"p": "PROGä.EXE"}]

    assert matched("s: {p: 'prog?.exe'}, condition: s", *events) == [0, 3]


def test_an_asterisk_stands_for_any_length():
    """Detection, String Wildcard."""
    events = [
        {"p": "antivirus_V1.exe"},
        {"p": "antivirus_V21.2.1.exe"},
        {"p": "antivirus_V.exe"},
        {"p": "antivirus_V\n.exe"},
    ]

    assert matched("s: {p: 'antivirus_V*.exe'}, condition: s", *events) == [0, 1, 2, 3]
    assert matched("s: {p: '*'}, condition: s", {"p": ""}, {"p": 0}, {"p": None}, {}) == [0, 1]


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        (r"a\b", r"a\b"),
        (r"a\\b", r"a\b"),
        (r"a\*b", "a*b"),
        (r"a\?b", "a?b"),
        (r"a\\\*b", r"a\*b"),
        (r"a\\\b", r"a\\b"),
        (r"a\\\\b", r"a\\b"),
        ("a%b", "a%b"),
        ("%name%", "%name%"),
    ],
)
def test_a_backslash_escapes_wildcards_and_itself(written, plain):
    """Detection, Escape Character; Placeholders: without `expand` a percent sign is itself."""
    assert matched(f"s: {{p: '{written}'}}, condition: s", {"p": plain}, {"p": "aXb"}, {"p": plain + "x"}) == [0]


def test_an_escaped_backslash_before_a_wildcard_leaves_the_wildcard():
    """Detection, Escape Character."""
    assert matched(r"s: {p: 'C:\\*'}, condition: s", {"p": r"C:\Windows"}, {"p": "C:*"}, {"p": "C:Windows"}) == [0]


def test_strings_of_a_list_are_searched_in_the_full_message_and_linked_with_or():
    """Detection, Lists and Keywords search."""
    events = [
        {"message": "this EvilService was there"},
        {"deep": [{"er": "x svchost.exe -n evil x"}]},
        {"evilservice": "name of a field"},
        {"message": "svchost.exe"},
    ]

    assert matched("keywords: ['EVILSERVICE', 'svchost.exe -n evil'], condition: keywords", *events) == [0, 1]


def test_keywords_may_be_numbers_and_have_wildcards():
    """Detection, Keywords search."""
    assert matched("k: [4625], condition: k", {"id": 4625}, {"text": "id 4625."}, {"id": 46}) == [0, 1]
    assert matched("k: ['ev*il'], condition: k", {"m": "so evXXil it is"}, {"m": "ev", "n": "il"}) == [0]


def test_all_makes_and_of_keywords():
    """Detection, Keywords search."""
    events = [{"a": "OabVirtualDirectory", "b": "x -ExternalUrl y"}, {"a": "OabVirtualDirectory"}]

    assert matched("k: {'|all': [OabVirtualDirectory, ' -ExternalUrl ']}, condition: k", *events) == [0]


def test_maps_of_a_list_are_linked_with_or():
    """Detection, Lists."""
    events = [{"Image": r"C:\example.exe"}, {"Description": "a Test executable"}, {"Image": "example"}]

    detection = r"s: [{Image|endswith: '\example.exe'}, {Description|contains: 'Test executable'}], condition: s"

    assert matched(detection, *events) == [0, 1]


def test_the_elements_of_a_map_are_joined_with_and_and_a_list_of_values_with_or():
    """Detection, Maps."""
    events = [
        {"EventLog": "Security", "EventID": 517},
        {"EventLog": "Security", "EventID": "1102"},
        {"EventLog": "Security"},
        {"EventID": 517},
    ]

    assert matched("s: {EventLog: Security, EventID: [517, 1102]}, condition: s", *events) == [0, 1]


def test_an_empty_value_is_an_empty_text_and_null_a_field_without_value():
    """Detection, Special Field Values."""
    events = [{"f": ""}, {"f": None}, {}, {"f": "x"}, {"f": 0}]

    assert matched("s: {f: ''}, condition: s", *events) == [0]
    assert matched("s: {f: null}, condition: s", *events) == [1, 2]


def test_not_null_is_another_selection_negated():
    """Detection, Special Field Values."""
    events = [{"id": 4738, "set": "x"}, {"id": 4738, "set": None}, {"id": 4738}]

    assert matched("s: {id: 4738}, filter: {set: null}, condition: s and not filter", *events) == [0]


def test_exists_asks_whether_a_field_is_there():
    """Detection, Field Existence."""
    events = [{"f": 1}, {"f": None}, {"f": ""}, {}]

    assert matched("s: {f|exists: true}, condition: s", *events) == [0, 1, 2]
    assert matched("s: {f|exists: false}, condition: s", *events) == [3]


def test_a_placeholder_that_nothing_is_known_of_is_refused():
    """Detection, Placeholders: a tool that is not able to handle them must reject the rule."""
    assert "'%Servers%' has no value" in refused("s: {f|expand: '%Servers%'}, condition: s")
    assert "has no value" in refused("s: {f|re|expand: 'x%Servers%'}, condition: s")


@pytest.mark.parametrize(
    ("condition", "places"),
    [
        ("a or b", [0, 1, 2]),
        ("a and b", [2]),
        ("a and not b", [0]),
        ("not a and not b", [3]),
        ("a and (b or c)", [2]),
        ("a or b and c", [0, 2]),
        ("not a or b", [1, 2, 3]),
        ("1 of them", [0, 1, 2]),
        ("any of them", [0, 1, 2]),
        ("all of them", []),
        ("1 of sel_*", []),
        ("all of [a-b]*", None),
        ("[a, b]", [0, 1, 2]),
    ],
)
def test_conditions_combine_selections(condition, places):
    """Condition: logic, brackets, precedence, `of them`, a list of conditions is linked with OR."""
    detection = f"a: {{x: 1}}, b: {{y: 1}}, c: {{z: 1}}, condition: {condition}"
    events = [{"x": 1}, {"y": 1}, {"x": 1, "y": 1}, {"q": 1}]

    if places is None or "sel_" in condition:
        assert refused(detection)
    else:
        assert matched(detection, *events) == places


def test_of_a_pattern_takes_the_selections_that_match_it_and_them_all_but_those_with_an_underscore():
    """Condition, 1/all of."""
    selections = "sel_a: {x: 1}, sel_b: {y: 1}, other: {z: 1}, _hidden: {q: 1}"
    events = [{"x": 1}, {"x": 1, "y": 1}, {"z": 1}, {"q": 1}, {"x": 1, "y": 1, "z": 1}]

    assert matched(f"{selections}, condition: all of sel_*", *events) == [1, 4]
    assert matched(f"{selections}, condition: 1 of sel_* and not other", *events) == [0, 1]
    assert matched(f"{selections}, condition: 1 of *_b", *events) == [1, 4]
    assert matched(f"{selections}, condition: 1 of them", *events) == [0, 1, 2, 4]
    assert matched(f"{selections}, condition: all of them", *events) == [4]


def test_a_field_may_be_nested_or_have_dots_in_its_name():
    events = [{"a": {"b": "x"}}, {"a.b": "x"}, {"a": [{"b": "y"}, {"b": "x"}]}, {"a": {"b": ["z", "x"]}}, {"a": "x"}]

    assert matched("s: {a.b: x}, condition: s", *events) == [0, 1, 2, 3]
    assert matched("s: {a.b|exists: true}, condition: s", *events) == [0, 1, 2, 3]
    assert matched("s: {a.b: null}, condition: s", *events) == [4]


def test_an_object_is_compared_as_its_json():
    events = [{"o": {"effect": "Deny", "n": [1]}}, {"o": {"effect": "Allow"}}, {"o": "Deny"}]

    assert matched("""s: {o|contains: '"effect":"deny"'}, condition: s""", *events) == [0]


FILTER = """
---
title: Known administrators
logsource: {{product: test}}
filter: {{rules: {rules}, known: {{user|startswith: adm_}}, condition: {condition}}}
"""


@pytest.mark.parametrize("rules", ["any", "[rule]", "rule", "[]"])
def test_a_filter_is_added_to_the_rules_that_it_names(rules):
    """Filters, Relative rules: `any`, a rule, a list of rules."""
    text = RULE.format(title="rule", detection="s: {x: 1}, condition: s") + FILTER.format(
        rules=rules, condition="not known"
    )

    assert [
        one.evidence[0].place for one in findings(text, [{"x": 1, "user": "adm_1"}, {"x": 1, "user": "eve"}, {"x": 1}])
    ] == [2, 3]


def test_a_filter_leaves_other_rules_and_other_log_sources_alone():
    """Filters, Log source."""
    text = RULE.format(title="rule", detection="s: {x: 1}, condition: s")
    other = FILTER.format(rules="[somebody_else]", condition="not known")
    elsewhere = FILTER.format(rules="any", condition="not known").replace("product: test", "product: windows")

    assert len(findings(text + other + elsewhere, [{"x": 1, "user": "adm_1"}])) == 1


def test_a_filter_is_added_to_each_of_several_conditions():
    """Filters, condition."""
    text = RULE.format(title="rule", detection="s: {x: 1}, t: {y: 1}, condition: [s, t]")
    text += FILTER.format(rules="any", condition="not 1 of them")

    assert [one.evidence[0].place for one in findings(text, [{"y": 1, "user": "adm_1"}, {"y": 1, "user": "eve"}])] == [
        2
    ]


def test_what_is_wrong_with_a_filter_is_said_of_the_filter():
    text = RULE.format(title="rule", detection="s: {x: 1}, condition: s") + FILTER.format(
        rules="any", condition="not nobody"
    )

    with pytest.raises(RulesError, match=r"rules.yml:10: Detection 'nobody' not defined"):
        load({"rules.yml": text})
