"""Why a rule holds or not: the value that was reached, its window, the field that is missing."""

from __future__ import annotations

from typing import Any

from services.monitoring.domain.evaluation import Given
from services.monitoring.domain.explaining import Step, explained, flat
from services.monitoring.sigma.loading import load

START_MS = 1_772_438_400_000
RULES = """
title: Failure
name: failure
logsource: {product: test}
detection: {s: {kind: failure, address|cidr: 192.0.2.0/24}, condition: s}
---
title: Success
name: success
logsource: {product: test}
detection: {s: {kind: success}, condition: s}
---
title: Many failures
name: many
correlation: {type: event_count, rules: [failure], group-by: [user], timespan: 10m, condition: {gte: 3}, generate: true}
nuxari: {also: [{distinct: device, gte: 2}]}
---
title: Then a success
name: then
correlation: {type: temporal_ordered, rules: [many, success], group-by: [user], timespan: 1h}
---
title: New device
name: fresh
correlation: {type: event_count, rules: [success], group-by: [user], timespan: 30d, condition: {gte: 1}}
nuxari: {first_seen: {fields: [device]}}
"""


def event(place: int, minute: float, kind: str = "failure", **fields: Any) -> Given:
    known = {"kind": kind, "user": "ada", "address": "192.0.2.7", "device": "d1", **fields}
    return Given(
        place=place,
        time_ms=START_MS + round(minute * 60_000),
        source="/s",
        id=str(place),
        fields={name: value for name, value in known.items() if value is not None},
    )


def why(rule: str, subject: Given, *others: Given) -> Step:
    return explained(load({"rules.yml": RULES}), rule, subject, others)


def said(step: Step, beginning: str) -> Step:
    (found,) = {id(one): one for _, one in flat(step) if one.said.startswith(beginning)}.values()
    return found


def test_each_test_says_what_it_saw() -> None:
    found = why("failure", event(1, 0, address="198.51.100.1"))

    assert not found.holds
    assert said(found, "kind is 'failure'").holds
    assert said(found, "address is in 192.0.2.0/24") == Step("address is in 192.0.2.0/24", False, "198.51.100.1")


def test_a_count_that_is_not_reached_says_how_far_it_came_and_in_which_window() -> None:
    found = why("many", event(1, 9), event(2, 0), event(3, -2))

    count = said(found, "value >= 3")
    assert not found.holds
    assert count.said == "value >= 3 in (2026-03-02T07:59:00.000Z, 2026-03-02T08:09:00.000Z]"
    assert (count.holds, count.value) == (False, 2)


def test_other_groups_count_for_nothing() -> None:
    found = why("many", event(1, 0), *(event(place, 0, user="bob") for place in range(2, 9)))

    assert said(found, "value >= 3").value == 1


def test_a_count_that_is_reached_by_later_events_holds_for_the_earlier_one() -> None:
    found = why("many", event(1, 0), event(2, 5, device="d2"), event(3, 9), event(4, 9.5))

    assert found.holds
    assert said(found, "value >= 3").value == 4


def test_a_further_bound_that_fails_is_named_and_the_count_is_still_said() -> None:
    found = why("many", event(1, 0), event(2, 1), event(3, 2))

    assert not found.holds
    assert said(found, "value >= 3").value == 3
    assert not said(found, "further: distinct device >= 2").holds


def test_a_missing_field_of_the_group_is_named() -> None:
    found = why("many", event(1, 0, user=None))

    assert not found.holds
    assert said(found, "it lacks user").value == {"user": None}


def test_a_chain_says_which_of_its_parts_did_not_happen() -> None:
    failures = [event(place, place, device=f"d{place}") for place in range(2, 5)]

    whole = why("then", event(9, 6, "success"), *failures)
    without = why("then", event(9, 6, "success"), *failures[:2])

    assert whole.holds
    assert not without.holds
    assert said(without, "events of 'many' in the window") == Step("events of 'many' in the window", False, 0)
    assert said(without, "events of 'success' in the window").value == 1


def test_what_is_not_new_says_how_often_it_was_there() -> None:
    found = why("fresh", event(1, 9, "success"), event(2, 1, "success"), event(3, 2, "success"))

    assert not found.holds
    assert said(found, "device: 2 earlier events").value == "d1"


def test_as_json_it_is_a_tree() -> None:
    found = why("success", event(1, 0, "success")).as_json()

    assert found["holds"] is True
    assert found["parts"] == [{"said": "kind is 'success'", "holds": True, "value": "success"}]
