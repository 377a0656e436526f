"""Every detection of the pack says what an admin needs, and its stories end as they say."""

from __future__ import annotations

import re
from functools import cache

import pytest
from nuxari_events.topics import BY_EVENT_TYPE

from services.monitoring.domain.derived import Derivation
from services.monitoring.domain.explaining import explained
from services.monitoring.domain.sigma import Head
from services.monitoring.sigma.chosen import narrowed
from services.monitoring.sigma.pack import pack, pack_stories
from services.monitoring.sigma.stories import Case, Story, events_of, story_of
from services.monitoring.sigma.story_runs import given_of, outcomes

MOST_EXPLAINED = 60
"""Events of a case; in longer ones each would be explained among hundreds of others."""

RAISING = list(pack().raising.values())
NAMES = [f"{head.extensions['detection']:03}-{head.name}" for head in RAISING]
NUMBERS = sorted({head.extensions["detection"] for head in RAISING})

WITHOUT_TECHNIQUE = {60}
"""Risk that adds up and tactics in a row are about other detections' techniques."""


@cache
def story(file: str) -> Story:
    return story_of(file, pack_stories()[file])


@pytest.mark.parametrize("file", pack_stories())
def test_every_case_ends_as_its_story_says_at_once_and_as_a_stream(file: str) -> None:
    found = list(outcomes(story(file), pack()))

    assert {one.says: one.problems for one in found if not one.passed} == {}
    assert len(found) == len(story(file).cases)


@pytest.mark.parametrize("file", pack_stories())
def test_every_story_has_two_cases_with_an_alert_and_two_without(file: str) -> None:
    positive = sum(case.is_positive for case in story(file).cases)

    assert positive >= 2
    assert len(story(file).cases) - positive >= 2


@pytest.mark.parametrize("file", pack_stories())
def test_a_rule_is_explained_to_hold_for_an_event_where_it_raises_and_for_none_elsewhere(file: str) -> None:
    found = {one.says: {alert["rule"] for alert in one.found} for one in outcomes(story(file), pack())}
    cases = [case for case in story(file).cases if len(events_of(case)) <= MOST_EXPLAINED]
    heads = [head for head in RAISING if head.extensions["detection"] == story(file).about]

    holding = {case.says: {head.name for head in heads if is_explained_to_hold(head, case)} for case in cases}

    assert holding == {case.says: found[case.says] for case in cases}


def is_explained_to_hold(head: Head, case: Case) -> bool:
    derivation, rules = Derivation(case.surroundings), narrowed(pack(), [head.id]).rules
    events = [given_of(event, place, derivation) for place, event in enumerate(events_of(case), start=1)]
    return any(explained(rules, head.id, one, [other for other in events if other is not one]).holds for one in events)


def test_there_are_sixty_detections_each_with_a_story() -> None:
    assert list(range(1, 61)) == NUMBERS
    assert sorted(story(file).about for file in pack_stories()) == NUMBERS


@pytest.mark.parametrize("number", NUMBERS)
def test_each_raising_rule_of_a_detection_raises_in_its_story(number: int) -> None:
    (file,) = (file for file in pack_stories() if file.startswith(f"{number:03}-"))
    wanted = {head.name for head in RAISING if head.extensions["detection"] == number}

    raised = {alert["rule"] for one in outcomes(story(file), pack()) for alert in one.found}

    assert raised == wanted


@pytest.mark.parametrize("head", RAISING, ids=NAMES)
def test_a_detection_says_what_it_means_and_what_to_do(head: Head) -> None:
    steps = re.findall(r"^\d+\. ", head.extensions["runbook"], re.MULTILINE)

    assert len(head.description) > 60
    assert len(head.false_positives) > 0
    assert len(steps) >= 2
    assert head.name
    assert head.extensions["summary"]


@pytest.mark.parametrize("head", RAISING, ids=NAMES)
def test_a_detection_has_its_techniques_of_both_versions(head: Head) -> None:
    said = head.extensions.get("attack", {})

    assert set(said) == (set() if head.extensions["detection"] in WITHOUT_TECHNIQUE else {"v18", "v19"})
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", one) for ids in said.values() for one in ids)
    assert all(len(ids) > 0 for ids in said.values())


@pytest.mark.parametrize("head", RAISING, ids=NAMES)
def test_a_detection_needs_event_types_that_there_are(head: Head) -> None:
    needs = head.extensions["needs"]

    assert needs
    assert set(needs) <= BY_EVENT_TYPE.keys()
