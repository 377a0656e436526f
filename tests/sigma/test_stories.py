"""Stories: what is wrong with one is said, and what differs from what it says."""

from __future__ import annotations

import pytest

from services.monitoring.sigma.chosen import chosen
from services.monitoring.sigma.pack import pack
from services.monitoring.sigma.stories import StoryError, events_of, story_of
from services.monitoring.sigma.story_runs import Outcome, outcomes

FAILURES = (
    "{at: 0s, every: 1s, times: %d, type: nuxari.access.sign_in_completed.v1, data: {user_id: ada, outcome: failure}}"
)
OWN = """
title: Sign-in at night
id: 3f0d3c1e-0f5e-4b62-8a05-5b7d7a1ee001
name: night_sign_in
logsource: {product: nuxari}
detection:
  night: {type: nuxari.access.sign_in_completed.v1, calendar.working_hours: false}
  condition: night
level: low
"""


def a_story(events: str, alerts: str, *, about: str = "detection: 1", settings: str = "{}") -> str:
    return f"{about}\ncases:\n  - {{says: a case, settings: {settings}, events: [{events}], alerts: {alerts}}}\n"


def ran(text: str) -> list[Outcome]:
    return list(outcomes(story_of("s.yml", text), pack()))


def test_an_alert_that_is_missing_and_one_that_is_not_expected_are_both_said() -> None:
    (found,) = ran(a_story(FAILURES % 10, "[{group: {user_id: bob}, value: 10}]"))

    assert not found.passed
    assert found.problems == (
        'missing: {"group": {"user_id": "bob"}, "value": 10}',
        'not expected: {"rule": "brute_force", "group": {"user_id": "ada"}, "value": 10.0}',
    )


def test_what_a_wanted_alert_does_not_say_is_not_compared() -> None:
    (found,) = ran(a_story(FAILURES % 12, "[{rule: brute_force}]"))

    assert found.passed


def test_another_value_is_another_alert() -> None:
    (found,) = ran(a_story(FAILURES % 12, "[{group: {user_id: ada}, value: 11}]"))

    assert not found.passed


def test_an_event_that_the_contract_refuses_is_named() -> None:
    event = "{at: 0s, type: nuxari.access.sign_in_completed.v1, data: {user_id: ada, outcome: perhaps}}"

    with pytest.raises(StoryError, match=r"s\.yml: 'a case': event 1 \(nuxari.access.sign_in_completed.v1\).*outcome"):
        ran(a_story(event, "[]"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cases: []", "'detection'"),
        ("detection: 1\ncases: [{says: a, events: []}]", "no 'alerts'"),
        ("detection: 1\ncases: [{says: a, events: [], alerts: [], setting: {}}]", "no 'setting'"),
        ("detection: 1\ncases: [{says: a, events: [], alerts: [{grup: {}}]}]", "no 'grup'"),
        ("detection: [", "no YAML"),
    ],
)
def test_what_is_no_story_is_refused_with_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(StoryError, match=said):
        story_of("s.yml", text)


def test_a_story_about_no_detection_is_refused() -> None:
    with pytest.raises(StoryError, match="there is no detection '99'"):
        ran(a_story(FAILURES % 1, "[]", about="detection: 99"))


def test_events_repeat_with_their_number_and_stand_in_the_order_of_time() -> None:
    written = (
        "{at: 1m, type: nuxari.access.sign_in_completed.v1, data: {user_id: bob, outcome: success}}, "
        "{at: -1h, every: 30m, times: 3, type: nuxari.access.sign_in_completed.v1, "
        "data: {user_id: 'u{n}', outcome: success}}"
    )
    (case,) = story_of("s.yml", a_story(written, "[]")).cases

    found = events_of(case)

    assert [one.subject for one in found] == ["u0", "u1", "u2", "bob"]
    assert [f"{one.time:%H:%M}" for one in found] == ["08:00", "08:30", "09:00", "09:01"]


def test_an_own_rule_is_told_with_the_settings_of_the_case() -> None:
    event = "{at: 0s, type: nuxari.access.sign_in_completed.v1, data: {user_id: ada, outcome: success}}"
    hours = "{working_hours: {days: [0], begin: 10h, end: 12h}}"
    rules = chosen({"own.yml": OWN})
    about = "rule: night_sign_in"

    at_work = list(outcomes(story_of("s.yml", a_story(event, "[]", about=about)), rules))
    at_night = list(outcomes(story_of("s.yml", a_story(event, "[{value: 1}]", about=about, settings=hours)), rules))

    assert [one.problems for one in (*at_work, *at_night)] == [(), ()]


def test_a_file_called_as_one_of_the_packs_stands_in_its_place() -> None:
    changed = pack().texts["001-brute-force.yml"].replace("gte: 10", "gte: 3")

    found = chosen({"/somewhere/001-brute-force.yml": changed})

    assert [head.name for head in found.raising.values()] == ["brute_force"]
    story = story_of("s.yml", a_story(FAILURES % 3, "[{group: {user_id: ada}, value: 3}]"))
    assert [one.problems for one in outcomes(story, found)] == [()]
