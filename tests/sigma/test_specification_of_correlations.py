"""What the Sigma Correlation Rules Specification 2.1 says: a test a sentence, with its section."""

from __future__ import annotations

import pytest

from tests.sigma.correlated import at, of, refused, rules, values
from tests.sigma.running import findings


def test_a_rule_is_referred_to_by_id_or_by_name():
    """Related rules."""
    events = [at(0), at(1, "b")]
    by_id = "0E95725D-7320-415D-80F7-00000000000A"

    assert values("{type: temporal, rules: [a, b], timespan: 5s}", events) == [2]
    assert values(f"{{type: temporal, rules: [{by_id}, b], timespan: 5s}}", events) == [2]
    assert values("{type: event_count, rules: a, timespan: 5s, condition: {gte: 1}}", events) == [1]


def test_a_reference_that_leads_nowhere_is_refused_in_its_line():
    """Related rules: the referenced name has to be defined."""
    assert (
        refused("{type: temporal,\n  rules: [a,\n  nobody], timespan: 5s}")
        == "rules.yml:24: Rule 'nobody' not found in rule collection"
    )


def test_several_fields_to_group_by_are_linked_by_and():
    """Grouping."""
    correlation = "{type: event_count, rules: [a], group-by: [user, host], timespan: 9s, condition: {gte: 2}}"
    events = [at(0, host="x"), at(1, host="y"), at(2, host="x"), at(3, user="v", host="x")]

    (found,) = of(findings(rules(correlation), events))

    assert found.group == {"user": "u", "host": "x"}


def test_without_fields_to_group_by_all_events_are_one_group():
    """Grouping: optional."""
    assert values("{type: event_count, rules: [a], timespan: 9s, condition: {gte: 2}}", [at(0), at(1, user="v")]) == [2]


@pytest.mark.parametrize(
    ("unit", "seconds"),
    [("s", 1), ("m", 60), ("h", 3600), ("d", 86400), ("w", 604800), ("M", 2629746), ("y", 31556952)],
)
def test_a_timespan_is_a_number_and_a_unit(unit, seconds):
    """Time Selection; w, M and y are pysigma's."""
    correlation = f"{{type: event_count, rules: [a], timespan: 2{unit}, condition: {{gte: 2}}}}"

    assert values(correlation, [at(0), at(2 * seconds - 1)]) == [2]
    assert values(correlation, [at(0), at(2 * seconds)]) == []


@pytest.mark.parametrize("timespan", ["0s", "5", "m", "5 m", "-1m", "1h30m", "5q", "1.5h"])
def test_any_other_timespan_is_refused(timespan):
    """Time Selection: the format must be used."""
    assert "imespan" in refused(f"{{type: event_count, rules: [a], timespan: {timespan}, condition: {{gte: 2}}}}")


@pytest.mark.parametrize(
    ("condition", "held"),
    [("gt: 2", [4]), ("gte: 3", [4]), ("lt: 2", [1]), ("lte: 2", [1]), ("eq: 3", [3]), ("neq: 1", [4])],
)
def test_a_condition_is_one_criterion(condition, held):
    """Condition: gt, gte, lt, lte, eq; neq is pysigma's. The value is the one furthest over the bound."""
    assert (
        values(
            f"{{type: event_count, rules: [a], timespan: 9s, condition: {{{condition}}}}}", [at(s) for s in range(4)]
        )
        == held
    )


def test_two_criteria_are_refused_as_pysigma_does():
    """Condition: the conjunction of criteria is said to be possible; pysigma takes exactly one."""
    assert "exactly one" in refused("{type: event_count, rules: [a], timespan: 9s, condition: {gt: 1, lte: 3}}")


def test_a_level_adjusts_the_severity_and_without_one_it_stays_that_of_the_rules():
    """Level."""
    correlation = "{type: temporal, rules: [a, b], timespan: 5s}"
    events = [at(0), at(1, "b")]

    assert [one.head.level for one in of(findings(rules(correlation), events))] == ["medium"]
    assert [one.head.level for one in of(findings(rules(correlation, more="level: critical"), events))] == ["critical"]


def test_by_default_only_the_correlation_is_found():
    """Generate."""
    events = [at(0), at(1), at(2, "b")]
    correlation = "{type: event_count, rules: [a], timespan: 5s, condition: {gte: 2}%s}"

    assert [one.head.id for one in findings(rules(correlation % ""), events)] == ["correlated", "b"]
    generating = findings(rules(correlation % ", generate: true"), events)
    assert sorted(one.head.title for one in generating) == ["correlated", "rule a", "rule a", "rule b"]


def test_event_count_counts_events_of_one_or_more_rules_for_each_group():
    """Event Count."""
    correlation = "{type: event_count, rules: [a, b], group-by: [user], timespan: 10s, condition: {gte: 3}}"
    events = [at(0), at(1, "b"), at(2), at(3, user="v"), at(4, "c"), at(5, user="v")]

    (found,) = of(findings(rules(correlation), events))

    assert (found.group, found.value, found.events_count) == ({"user": "u"}, 3, 3)


def test_an_event_that_two_of_the_rules_match_is_one_event():
    """Event Count: counts events."""
    text = rules("{type: event_count, rules: [a, b], timespan: 10s, condition: {gte: 2}}").replace("kind: b", "also: b")

    assert of(findings(text, [at(0, also="b")])) == []
    assert len(of(findings(text, [at(0, also="b"), at(0, also="b")]))) == 1


def test_value_count_counts_different_values_of_a_field():
    """Value Count."""
    correlation = "{type: value_count, rules: [a], group-by: [user], timespan: 10s, condition: {gte: 3, field: host}}"

    assert values(correlation, [at(0, host="x"), at(1, host="y"), at(2, host="x"), at(3)]) == []
    assert values(correlation, [at(0, host="x"), at(1, host="y"), at(2, host=7), at(3, host="7")]) == [3]
    assert values(correlation, [at(0, host=["x", "y", "z"])]) == [3]


def test_value_count_of_several_fields_counts_their_combinations():
    """Value Count, with a list of fields."""
    correlation = "{type: value_count, rules: [a], timespan: 10s, condition: {gte: 3, field: [host, port]}}"
    events = [at(0, host="x", port=1), at(1, host="x", port=2), at(2, host="y", port=1), at(3, host="y")]

    assert values(correlation, events) == [3]
    assert values(correlation, events[:2]) == []


def test_value_count_needs_a_field():
    """Value Count: requires field."""
    assert "field" in refused("{type: value_count, rules: [a], timespan: 10s, condition: {gte: 3}}")


def test_temporal_needs_all_rules_within_the_timespan_in_any_order():
    """Temporal Proximity."""
    correlation = "{type: temporal, rules: [a, b, c], group-by: [user], timespan: 5m}"

    assert values(correlation, [at(0, "c"), at(200), at(299, "b")]) == [3]
    assert values(correlation, [at(0, "c"), at(200), at(300, "b")]) == []
    assert values(correlation, [at(0, "c"), at(200), at(201, "b", user="v")]) == []


def test_the_time_frame_is_not_restricted_to_boundaries():
    """Temporal Proximity: 23:58 and 00:01 are within five minutes."""
    midnight = 1_772_409_600

    assert values("{type: temporal, rules: [a, b], timespan: 5m}", [at(midnight - 120), at(midnight + 60, "b")]) == [2]


def test_temporal_with_a_condition_counts_different_rules():
    """Condition: the count of different event types in the time frame."""
    correlation = "{type: temporal, rules: [a, b, c], timespan: 10s, condition: {gte: 2}}"

    assert values(correlation, [at(0), at(1)]) == []
    assert values(correlation, [at(0), at(1, "c")]) == [2]


def test_a_rule_that_is_named_twice_is_one_rule_of_a_temporal():
    assert values("{type: temporal, rules: [a, a, b], timespan: 10s}", [at(0), at(1, "b")]) == [2]


def test_temporal_ordered_needs_the_order_of_the_rules():
    """Ordered Temporal Proximity."""
    correlation = "{type: temporal_ordered, rules: [a, b], group-by: [user], timespan: 1h}"

    assert values(correlation, [at(0), at(3599, "b")]) == [2]
    assert values(correlation, [at(0, "b"), at(1)]) == []
    assert values(correlation, [at(0), at(3600, "b")]) == []
    assert values(correlation, [at(7), at(7, "b")]) == [2]


def test_temporal_ordered_with_a_condition_counts_the_rules_that_came_in_order():
    """Condition."""
    correlation = "{type: temporal_ordered, rules: [a, b, c], timespan: 10s, condition: {gte: 2}}"

    assert values(correlation, [at(0), at(1, "c")]) == [2]
    assert values(correlation, [at(0, "c"), at(1, "b")]) == []


def test_a_correlation_of_a_correlation_groups_by_its_own_fields_only():
    """Ordered Temporal Proximity, note: the correlation rule only uses its own group-by."""
    many = "{type: event_count, rules: [a], group-by: [user, host], timespan: 10s, condition: {gte: 2}}"
    top = "{type: temporal_ordered, rules: [correlated, b], group-by: [user], timespan: 1h}"
    more = f"---\ntitle: top\ncorrelation: {top}\n"
    events = [at(0, host="x"), at(1, host="x"), at(9, "b", host="y")]

    (found,) = of(findings(rules(many, more=more), events), "top")

    assert (found.group, found.events_count) == ({"user": "u"}, 3)
    assert [one.rule[-1] for one in found.evidence] == ["a", "a", "b"]


def test_aliases_name_one_thing_in_different_fields():
    """Field Name Aliases, with the example of the specification."""
    correlation = """{type: temporal, rules: [a, b], group-by: [internal_ip, remote_ip], timespan: 10s, aliases: {
        internal_ip: {a: destination.ip, b: source.ip},
        remote_ip: {a: source.ip, b: destination.ip}}}"""
    error = at(0, destination={"ip": "10.0.0.1"}, source={"ip": "9.9.9.9"})
    connection = at(1, "b", source={"ip": "10.0.0.1"}, destination={"ip": "9.9.9.9"})

    (found,) = of(findings(rules(correlation), [error, connection]))

    assert found.group == {"internal_ip": "10.0.0.1", "remote_ip": "9.9.9.9"}
    assert values(correlation, [error, connection | {"source": {"ip": "10.0.0.2"}}]) == []


def test_an_alias_for_no_rule_is_refused():
    """Field Name Aliases: the name is that of a rule."""
    assert "'nobody', which is no rule" in refused(
        "{type: temporal, rules: [a, b], timespan: 1m, aliases: {x: {nobody: y}}}"
    )


@pytest.mark.parametrize(
    ("kind", "value"),
    [("value_sum", 60), ("value_avg", 20), ("value_median", 15), ("value_percentile", 31)],
)
def test_numbers_of_a_field_are_calculated_with(kind, value):
    """Metric types of 2.1; what is no number is left out, and the percentile lies between two values."""
    percentile = ", percentile: 90" if kind == "value_percentile" else ""
    correlation = f"{{type: {kind}, rules: [a], timespan: 1m, condition: {{gte: {value}, field: bytes{percentile}}}}}"
    events = [at(0, bytes=15), at(1, bytes="10"), at(2, bytes="many"), at(3), at(4, bytes=[35])]

    (found,) = of(findings(rules(correlation), events))

    assert found.value == pytest.approx(value)
    assert found.last_seen_ms == 4000


@pytest.mark.parametrize("percentile", ["", ", percentile: 101", ", percentile: -1", ", percentile: much"])
def test_a_percentile_needs_its_percentage(percentile):
    condition = f"{{gte: 1, field: bytes{percentile}}}"

    assert "ercentile" in refused(f"{{type: value_percentile, rules: [a], timespan: 1m, condition: {condition}}}")
