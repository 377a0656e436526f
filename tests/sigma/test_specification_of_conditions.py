"""Extended conditions, chains of correlations and our extensions of them: a test a sentence."""

from __future__ import annotations

import pytest

from services.monitoring.sigma.loading import RulesError, load
from tests.sigma.correlated import BASE, at, of, refused, rules, values
from tests.sigma.running import findings


@pytest.mark.parametrize(
    ("condition", "kinds", "held"),
    [
        ("a and b", "ab", True),
        ("a and b", "ac", False),
        ("a or b", "b", True),
        ("(a or b) and c", "bc", True),
        ("(a or b) and c", "ab", False),
        ("a and not b", "a", True),
        ("a and not b", "ab", False),
        ("a and not b", "ba", False),
        ("a and not (b or c)", "ac", False),
        ("a or b and c", "bc", True),
        ("not (b or not a)", "a", True),
    ],
)
def test_an_extended_condition_says_what_has_to_match_and_what_must_not(condition, kinds, held):
    """Extended conditions of 2.1: and, or, not, brackets."""
    events = [at(second, kind) for second, kind in enumerate(kinds)]

    assert bool(values(f"{{type: temporal, timespan: 10s, condition: {condition}}}", events)) is held


@pytest.mark.parametrize(
    ("condition", "kinds", "held"),
    [
        ("a and not b and c", "ac", True),
        ("a and not b and c", "abc", False),
        ("a and not b and c", "bac", True),
        ("a and not b and c", "acb", True),
        ("a and b and not c", "abc", False),
        ("a and b and not c", "acb", True),
        ("not a and b", "ab", False),
        ("not a and b", "ba", True),
    ],
)
def test_in_an_ordered_one_what_must_not_match_has_its_place_too(condition, kinds, held):
    """Extended conditions of 2.1 with temporal_ordered: the order of the rules is that of the condition."""
    events = [at(second, kind) for second, kind in enumerate(kinds)]

    assert bool(values(f"{{type: temporal_ordered, timespan: 10s, condition: {condition}}}", events)) is held


def test_what_must_not_match_may_match_where_no_window_has_both():
    correlation = "{type: temporal, timespan: 10s, condition: a and not b}"

    assert values(correlation, [at(0), at(9.999, "b")]) == []
    assert values(correlation, [at(0), at(10, "b")]) == [1]


@pytest.mark.parametrize("condition", ["not a", "a and not a", "a or not b"])
def test_a_condition_that_nothing_fulfils_or_that_nothing_may_fulfil_is_refused(condition):
    assert "'condition'" in refused(f"{{type: temporal, timespan: 10s, condition: {condition}}}")


def chain(depth: int, *, last: str = "a") -> str:
    parts = [BASE]
    for level in range(depth):
        below = f"level{level - 1}" if level else last
        about = f"{{type: event_count, rules: [{below}], group-by: [user], timespan: 1h, condition: {{gte: 1}}}}"
        parts.append(f"title: level {level}\nname: level{level}\ncorrelation: {about}\n")
    return "---\n".join(parts)


def test_correlations_are_chained_to_a_depth_of_ten():
    """Related rules: chain multiple correlations together."""
    found = findings(chain(10), [at(0), at(5)])

    assert [(one.head.id, one.value, one.events_count) for one in found] == [("level9", 2, 2)]


@pytest.mark.parametrize("depth", [11, 40, 2000])
def test_a_deeper_chain_is_refused(depth):
    with pytest.raises(RulesError, match="levels deep at most"):
        load({"rules.yml": chain(depth)})


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_a_circle_is_refused(depth):
    with pytest.raises(RulesError, match="never in a circle"):
        load({"rules.yml": chain(depth, last=f"level{depth - 1}")})


def test_files_refer_to_rules_of_other_files():
    base, top = rules("{type: temporal, rules: [a, b], timespan: 5s}").split("---\ntitle: correlated", 1)

    assert len(load({"z.yml": base, "a.yml": "title: correlated" + top}).correlations) == 1


@pytest.mark.parametrize(
    ("extension", "said"),
    [
        ("{windw: sliding}", ":23: 'windw' is no extension here"),
        ("{window: hopping}", ":23: 'hopping' is no 'window'"),
        ("{gap: soon}", ":23: 'gap' is a span of time such as 10m"),
        ("[]", ":23: 'nuxari' holds a mapping"),
    ],
)
def test_an_extension_is_checked_and_its_fault_has_a_line(extension, said):
    correlation = "{type: event_count, rules: [a], timespan: 5s, condition: {gte: 2}}"

    assert said in refused(correlation, more=f"nuxari: {extension}\n")


def test_windows_may_tumble_or_be_sessions():
    correlation = "{type: event_count, rules: [a], timespan: 10s, condition: {gte: 2}}"
    events = [at(8), at(12), at(14)]

    def found(extension: str) -> list[list[int | None]]:
        text = rules(correlation, more=f"nuxari: {extension}\n")
        return [[one.first_seen_ms, one.last_seen_ms] for one in of(findings(text, events))]

    assert found("{window: sliding}") == [[8000, 14000]]
    assert found("{window: tumbling}") == [[12000, 14000]]
    assert found("{window: session, gap: 3s}") == [[12000, 14000]]
    assert found("{window: session, gap: 4s}") == [[8000, 14000]]
    assert found("{quiet: 1s}") == [[8000, 12000], [8000, 14000]]
