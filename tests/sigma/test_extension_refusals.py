"""What a rule may not say under `nuxari`, with the line that is at fault."""

from __future__ import annotations

import pytest

from services.monitoring.sigma.loading import RulesError, load
from tests.sigma.correlated import BASE, refused

COUNT = "{type: event_count, rules: [a], group-by: [user], timespan: 1d, condition: {gte: 1}}"
JOIN = "{type: temporal, rules: [a, b, c], group-by: [user], timespan: 1d, condition: {gte: 1}}"
FIRST_LINE = 23
"""Of what stands under `nuxari`: the line that says `nuxari:` itself comes before."""


def fault(extension: str, *, correlation: str = COUNT) -> tuple[int, str]:
    """Return the line, from 0 where the extension begins, and the reason."""
    more = "nuxari:\n" + "".join(f"  {line}\n" for line in extension.splitlines())
    _, line, reason = refused(correlation, more=more).split(":", 2)
    return int(line) - FIRST_LINE - 1, reason.strip()


@pytest.mark.parametrize(
    ("extension", "line", "said"),
    [
        ("first_seen:\n  fields: [x]\n  after: 0", 2, "'after' of 'first_seen' is a number from 1 on, not '0'"),
        ("first_seen:\n  fields: [x]\n  fieldz: [y]", 2, "'first_seen' knows no 'fieldz' here"),
        ("first_seen:\n  fields: [x]\n  at_least: 2", 2, "'at_least' of 'first_seen' is a number from 1 to 1, not '2'"),
        ("first_seen:\n  fields: []", 1, "'fields' of 'first_seen' is a name or a list of names, not '[]'"),
        ("first_seen:\n  fields: [x]\n  after: 1.5", 2, "'after' of 'first_seen' is a whole number, not '1.5'"),
        ("first_seen:\n  fields: [x]\n  after: .inf", 2, "'after' of 'first_seen' is a number from 1 on, not 'inf'"),
        ("first_seen: {after: 3}", 0, "'first_seen' without 'fields' learns nothing"),
        ("first_seen:\n  fields: [x]\n  learning: 1d", 2, "'learning' of 'first_seen' is shorter than the 'timespan'"),
        ("first_seen:\n  fields: [x]\n  learning: soon", 2, "'learning' of 'first_seen' is a span of time such as 10m"),
        ("first_seen: [x]", 0, "'first_seen' holds a mapping"),
        ("dormant: {}", 0, "'dormant' needs 'for', a span of time such as 10m"),
        ("dormant:\n  for: 1d", 1, "'for' of 'dormant' is shorter than the 'timespan'"),
        ("baseline:\n  rare: hour\n  below: 0", 2, "'below' of 'baseline' is more than 0"),
        ("baseline:\n  rare: hour\n  below: 1.5", 2, "'below' of 'baseline' is a number from 0 to 1, not '1.5'"),
        ("baseline:\n  rare: hour\n  per: 1h", 2, "'baseline' knows no 'per' here"),
        (
            "baseline:\n  per: 1h\n  samples: 23\n  percentile: 101",
            3,
            "'percentile' of 'baseline' is a number from 0 to 100",
        ),
        ("baseline:\n  per: 1h\n  samples: 24", 2, "the 'timespan' has no room for so many 'samples'"),
        ("ring:\n  from: x\n  to: y\n  share: 1", 3, "'share' of 'ring' is between 0 and 1"),
        ("ring:\n  from: x\n  to: y\n  longest: 9", 3, "'longest' of 'ring' is a number from 2 to 5, not '9'"),
        ("ring:\n  from: x\n  to: y\n  of_least: 9", 3, "'of_least' of 'ring' is for its 'share', which is missing"),
        ("ring:\n  from: x", 0, "'ring' needs 'to', a name"),
        ("dormant: {for: 1h}\nring: {from: x, to: y}", 1, "'dormant' and 'ring' cannot be in one rule"),
        ("dormant: {for: 1h}\nwindow: tumbling", 1, "'window' has no part in 'dormant'"),
        ("dormant: {for: 1h}\nalso: [{span: 5m}]", 1, "'also' has no part in 'dormant'"),
        ("quiet: 5m\ngap: 5m", 1, "'gap' is for a 'window' that is a session"),
        ("also: []", 0, "'also' is a list of bounds"),
        ("also:\n  - {span: 5m}\n  - {distinct: x}", 2, "a bound of 'also' has one of gte, gt"),
        ("also:\n  - {distinct: x, gte: 1, lte: 3}", 1, "a bound of 'also' has one of gte, gt"),
        ("also:\n  - {distinct: [], gte: 1}", 1, "'distinct' of 'also' is a name or a list of names"),
        ("also:\n  - {events: 5, gte: 1}", 1, "'events' of 'also' is true"),
        ("also:\n  - {ratio: {of: x}, gte: 1}", 1, "'ratio' needs 'distinct'"),
        ("also:\n  - any:\n    - {span: 5m}\n    - {odd: x, gte: 1}", 3, "a bound of 'also' is about events, distinct"),
        ("detection: first", 0, "'detection' is a number from 1 on, not 'first'"),
        ("summary: ''", 0, "'summary' is a text"),
        ("runbook: [look, act]", 0, "'runbook' is a text"),
        ("needs: nuxari.access.sign_in_completed.v1", 0, "'needs' is a list of names"),
        ("attack: [T1110]", 0, "'attack' holds lists of techniques by the version of ATT&CK"),
        ("attack:\n  v18: [T1110]\n  v19: [T1110.1]", 2, "'attack' lists techniques such as T1110 or T1110.001"),
        ("group_by: [user]", 0, "'group_by' is no extension here"),
    ],
)
def test_the_fault_is_named_in_its_line(extension, line, said):
    found_line, reason = fault(extension)

    assert said in reason
    assert found_line == line


@pytest.mark.parametrize(
    ("extension", "line", "said"),
    [
        ("is: beside", 1, "'is' of 'interval_join' is inside or outside"),
        ("is: inside\naction: nobody", 2, "'interval_join' names 'nobody', which is no rule"),
        ("is: inside\naction: []", 2, "'action' of 'interval_join' is a name or a list of names"),
        ("is: inside\nintervals: [{begin: b, end: c}]", 0, "'interval_join' needs 'action', the name of a rule"),
        ("is: inside\naction: a\nintervals: []", 3, "'intervals' of 'interval_join' is a list"),
        ("is: inside\naction: a\nintervals:\n- {end: c}", 4, "'interval_join' needs 'begin', the name of a rule"),
        (
            "is: inside\naction: a\nintervals:\n- {begin: b, end: c}\n- {begin: b, to: x}",
            5,
            "'to' of 'intervals' needs a 'key'",
        ),
        (
            "is: inside\naction: a\nintervals:\n- {begin: b, until: x}",
            4,
            "'until' of 'intervals' is a field of the 'end'",
        ),
        (
            "is: inside\naction: a\nintervals:\n- {begin: b}",
            0,
            "'c' is among the 'rules' of the correlation and not joined",
        ),
    ],
)
def test_a_join_names_the_rules_it_joins(extension, line, said):
    full = extension if "intervals" in extension else f"{extension}\nintervals: [{{begin: b, end: c}}]"
    indented = "".join(f"\n  {one}" for one in full.splitlines())

    found_line, reason = fault(f"interval_join:{indented}", correlation=JOIN)

    assert said in reason
    assert found_line == line


@pytest.mark.parametrize(
    ("correlation", "extension", "said"),
    [
        (JOIN, "dormant: {for: 1h}", "'dormant' is for correlations of the type event_count"),
        (JOIN, "also: [{span: 5m}]", "'also' is for correlations that count or calculate"),
        (
            COUNT,
            "interval_join: {action: a, is: inside, intervals: [{begin: a}]}",
            "is for correlations of the type temporal",
        ),
        (COUNT.replace("gte: 1", "gte: 2"), "dormant: {for: 1h}", "with 'dormant' a 'condition' is gte: 1"),
        (COUNT.replace("gte: 1", "lte: 1"), "dormant: {for: 1h}", "with 'dormant' a 'condition' is gte: 1"),
        (
            JOIN.replace("[a, b, c]", "[c, a]"),
            "interval_join: {action: c, is: inside, intervals: [{begin: a, end: b}]}",
            "'b' is joined by 'interval_join' and not among the 'rules'",
        ),
        (COUNT, "impossible_travel: {}", "with 'impossible_travel' a 'condition' is gte: 2"),
    ],
)
def test_a_kind_goes_with_the_correlation_that_it_is_made_for(correlation, extension, said):
    assert said in fault(extension, correlation=correlation)[1]


def test_a_single_rule_knows_what_heads_and_groups_say_and_no_more():
    def said(extension: str) -> str:
        with pytest.raises(RulesError) as error:
            load({"rules.yml": f"{BASE}nuxari:\n  {extension}\n"})
        return str(error.value)

    assert "'group_by' is a list of names" in said("group_by: []")
    assert "'dormant' is no extension here" in said("dormant: {for: 1h}")
