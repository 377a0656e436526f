"""Rules load or are refused as pysigma does it: compared over rules of a grammar of what is right and wrong in Sigma.

What is refused beyond that is refused with one of a few reasons, which decision 6 names.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sigma.collection import SigmaCollection
from sigma.conditions import SigmaCondition
from sigma.modifiers import modifier_mapping
from sigma.rule import SigmaRule

from services.monitoring.sigma.loading import RulesError, load

OURS_ALONE = re.compile(
    "has no value here|is another rule's too|a keyword is a text|is from 0 to 100|needs a 'percentile'"
    "|levels deep at most|would hold where nothing happened|can never hold|is no rule|'rules' is empty"
    "|is a text to match|is no extension here|Duplicate key"
)


def is_good_sigma(text: str) -> bool:
    """Whether pysigma parses all of it: conditions too, which it reads only when they are used."""
    try:
        collection = SigmaCollection.from_yaml(text)
        for rule in collection.rules:
            if isinstance(rule, SigmaRule):
                for condition in rule.detection.parsed_condition:
                    assert condition.parsed is not None
        for one in collection.filters:
            SigmaCondition(one.filter.condition[0], one.filter).parse()
    except Exception:  # noqa: BLE001 - whatever it raises, it does not take the rule
        return False
    return True


def faults(text: str) -> tuple[str, ...]:
    try:
        load({"rules.yml": text})
    except RulesError as error:
        return tuple(map(str, error.faults))
    return ()


IDS = ["0e95725d-7320-415d-80f7-00000000000a", "0e95725d-7320-415d-80f7-00000000000b", "no uuid", 7]
MODIFIERS = [*sorted(modifier_mapping), "unknown"]
KEYS = st.tuples(st.sampled_from(["user", "a.b", "", "x"]), st.lists(st.sampled_from(MODIFIERS), max_size=3)).map(
    lambda parts: "|".join([parts[0], *parts[1]])
)
SCALARS = st.sampled_from(
    [
        "x",
        "a*b?",
        r"\*",
        "10.0.0.0/8",
        "10.0.0.1/8",
        "::/0",
        "%name%",
        "^a.*(b|c)$",
        "(?=x)",
        "[",
        "-a /b",
        "",
        "ü",
        0,
        7,
        1.5,
        True,
        None,
    ]
)
VALUES = st.one_of(SCALARS, SCALARS, st.lists(SCALARS, max_size=3), st.just({"nested": 1}), st.just([[1]]))
MAPS = st.dictionaries(KEYS, VALUES, max_size=3)
SELECTIONS = st.one_of(MAPS, MAPS, st.lists(SCALARS, max_size=3), st.lists(MAPS, min_size=1, max_size=2), SCALARS)
CONDITIONS = st.one_of(
    st.sampled_from(
        [
            "sel",
            "sel and other",
            "not sel or (other)",
            "1 of sel*",
            "all of them",
            "1 of nothing*",
            "any of them",
            "2 of them",
            "sel | count() > 5",
            "sel and",
            "",
            "nobody",
            ["sel", "other"],
            ["sel", 1],
            None,
            "not not sel",
            "(sel",
            "1 of other",
        ]
    ),
    st.sampled_from(["sel", "1 of them"]),
)
LOG_SOURCES = st.sampled_from(
    [{"product": "test"}, {"category": "c", "service": "s"}, {}, {"product": 1}, None, "x", {"unknown": "y"}]
)
EVERYWHERE = {
    "id": st.sampled_from(IDS),
    "name": st.sampled_from(["one", "two", "", 5]),
    "level": st.sampled_from(["high", "LOW", "worst", 3]),
    "status": st.sampled_from(["test", "stable", "odd"]),
    "date": st.sampled_from(["2026-03-02", "2026/3/2", "2.3.2026"]),
    "tags": st.sampled_from([["attack.t1110"], ["notag"], "x", [1], None]),
    "falsepositives": st.sampled_from([["x"], "x"]),
    "related": st.sampled_from([[{"id": IDS[0], "type": "derived"}], [{"id": "x", "type": "odd"}], {}]),
    "nuxari": st.sampled_from([{}, {"quiet": "5m"}]),
    "extra": st.just({"anything": 1}),
}


def few(extra: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """At most two of the keys: with more nearly every rule would be wrong."""
    return st.lists(st.sampled_from(sorted(extra)), max_size=2, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: extra[name] for name in names})
    )


@st.composite
def single_rules(draw: st.DrawFn) -> dict[str, Any]:
    detection: Any = {"sel": draw(SELECTIONS), "other": {"x": 1}, "condition": draw(CONDITIONS)}
    rule = {"title": "a rule", "logsource": {"product": "test"}, "detection": detection} | draw(few(EVERYWHERE))
    if draw(st.integers(0, 9)) == 0:
        rule["logsource"] = draw(LOG_SOURCES)
    if draw(st.integers(0, 19)) == 0:
        del rule[draw(st.sampled_from(["title", "logsource", "detection"]))]
    return rule


BASE = [
    {"title": name, "name": name, "logsource": {"product": "test"}, "detection": {"s": {"x": name}, "condition": "s"}}
    for name in ("a", "b")
]
PARTS = {
    "rules": st.sampled_from([["a"], ["a", "b"], "b", ["nobody"], [], {"a": 1}, ["a", "a"]]),
    "group-by": st.sampled_from([["user"], "user", {"x": 1}, [1], []]),
    "timespan": st.sampled_from(["5m", "1y", "0s", "5x", 5, "1M"]),
    "condition": st.sampled_from(
        [
            {"gte": 2},
            {"gte": "2"},
            {"eq": 1.5, "field": "x"},
            {"field": "x"},
            {"gt": 1, "lt": 5},
            {"gte": "x"},
            {"gte": 1, "odd": 1},
            {"neq": 1, "field": ["x", "y"], "percentile": 50},
            {"gte": 1, "field": "x", "percentile": "x"},
            "a and b",
            "a and not b",
            "not a",
            "a and",
            "a or nobody",
            "a",
            5,
            {},
        ]
    ),
    "type": st.sampled_from(
        [
            "event_count",
            "value_count",
            "temporal",
            "temporal_ordered",
            "value_sum",
            "value_avg",
            "value_percentile",
            "value_median",
            "odd",
        ]
    ),
    "generate": st.sampled_from([True, False, "yes"]),
    "aliases": st.sampled_from([{"x": {"a": "y"}}, {"x": "y"}, [], {"x": {"nobody": "y"}}]),
}


@st.composite
def correlations(draw: st.DrawFn) -> dict[str, Any]:
    about: dict[str, Any] = {"type": "event_count", "rules": ["a", "b"], "timespan": "5m", "condition": {"gte": 2}}
    about["type"] = draw(PARTS["type"])
    about |= draw(few(PARTS))
    if draw(st.integers(0, 9)) == 0:
        del about[draw(st.sampled_from(["type", "rules", "timespan", "condition"]))]
    return {"title": "correlated", "correlation": about} | draw(few(EVERYWHERE))


@st.composite
def filters(draw: st.DrawFn) -> dict[str, Any]:
    about = {
        "rules": draw(st.sampled_from(["any", ["a"], "a", ["nobody"], [], 5, "Any"])),
        "sel": draw(SELECTIONS),
        "other": {"x": 1},
    }
    about["condition"] = draw(CONDITIONS)
    if draw(st.integers(0, 9)) == 0:
        del about[draw(st.sampled_from(["rules", "condition"]))]
    return {"title": "filter", "logsource": draw(st.one_of(st.just({"product": "test"}), LOG_SOURCES)), "filter": about}


DETECTION = "detection: {s: {a: 1}, condition: s}\n"


def agree(*documents: Any) -> None:
    text = yaml.safe_dump_all(documents, sort_keys=False)
    said = faults(text)
    if is_good_sigma(text):
        assert all(OURS_ALONE.search(fault) for fault in said), (text, said)
    else:
        assert said, text
    assert all(re.match(r"rules\.yml:[1-9][0-9]*: .", fault) for fault in said)


@settings(max_examples=500, deadline=None)
@given(single_rules())
def test_a_rule_of_single_events_gets_pysigmas_verdict(rule):
    agree(rule)


@settings(max_examples=400, deadline=None)
@given(correlations())
def test_a_correlation_gets_pysigmas_verdict(rule):
    agree(*BASE, rule)


@settings(max_examples=150, deadline=None)
@given(filters())
def test_a_filter_gets_pysigmas_verdict(rule):
    agree(*BASE, rule)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(single_rules(), correlations(), filters()), min_size=1, max_size=4))
def test_a_file_gets_pysigmas_verdict(documents):
    agree(*documents)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "---\n---\n",
        "just text",
        "[1, 2]",
        "title: x\ndetection: &a\n  s: *a\nlogsource: {product: x}\n",
        "title: x\nlogsource: {product: x}\ndetection: {s: {? {a: 1} : 1}, condition: s}\n",
        "title: x\nlogsource: {product: x}\ndetection: {s: {1: 1}, condition: s}\n",
        "title: x\nlogsource: {product: x}\ndetection: {s: {a: 2026-03-02}, condition: s}\n",
        "title: x\nlogsource: {product: x}\ndetection: {s: {a: .inf}, condition: s}\n",
        f"action: global\nlogsource: {{product: x}}\n---\ntitle: y\n{DETECTION}---\ntitle: z\n{DETECTION}",
        f"title: y\nlogsource: {{product: x}}\n{DETECTION}---\naction: repeat\ndetection: {{s: {{a: 2}}}}\n",
        "action: reset\n---\naction: global\ntitle: x\n",
        "action: odd\n",
        "title: x\nlogsource: !!python/object:os.system {}\n",
        "\x00",
        "a: " + "[" * 3000,
        "title: x\nlogsource: {product: x}\ndetection: {s: {a: 1}, condition: '" + "(" * 300 + "s" + ")" * 300 + "'}\n",
        "title: x\nlogsource: {product: x}\ndetection: {s: {a: 1}, condition: '" + "not " * 20 + "s'}\n",
    ],
)
def test_odd_files_get_pysigmas_verdict(text):
    said = faults(text)

    assert bool(said) is not is_good_sigma(text), said


def test_aliases_that_unfold_without_end_are_refused():
    """The file is small; unfolded it would be larger than any memory."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 9)]

    (fault,) = faults("\n".join([*lines, "title: x", "logsource: {product: x}", "detection: *a8"]))

    assert "expand to too many nodes" in fault


def test_a_file_that_is_too_large_is_refused():
    (fault,) = faults("# " + "x" * 1024 * 1024)

    assert "1048576 bytes at most" in fault


def test_a_key_that_stands_twice_is_refused():
    """Of two tests of one field the second would silently replace the first."""
    text = "title: x\nlogsource: {product: x}\ndetection:\n  s: {a: 1, a: 2}\n  condition: s\n"

    assert faults(text) == ("rules.yml:1: no YAML: Duplicate key 'a'",)
