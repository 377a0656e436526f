"""The page that says what detections need names event types and fields that there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_type_hints

import pytest
from nuxari_events.envelope import Event
from nuxari_events.topics import ACCESS_ACTIVITY, BY_EVENT_TYPE, MONITORING_LIFECYCLE, event_type
from pydantic import BaseModel

PAGE = (Path(__file__).parents[2] / "docs" / "detections-and-events.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
CLASSES = {event_type(cls): cls for topic in BY_EVENT_TYPE.values() for cls in topic.event_classes}

AS_ANOTHER_ROW = re.compile(r"\bas (\d+)\b")


def types_of(number: str) -> set[str]:
    """The event types that a row names, also by naming another row."""
    (cell,) = [events for one, events, _ in ROWS if one == number]
    named = {f"nuxari.{name}.v1" for name in re.findall(r"`([a-z_.]+)`", cell)}
    return named.union(*(types_of(other) for other in AS_ANOTHER_ROW.findall(cell)))


def fields_of(name: str) -> set[str]:
    data: type[BaseModel] = get_type_hints(CLASSES[name])["data"]
    return {*data.model_fields, *Event.model_fields}


def test_every_detection_has_its_row() -> None:
    assert [int(number) for number, _, _ in ROWS] == list(range(1, 61))


@pytest.mark.parametrize("number", [number for number, _, _ in ROWS])
def test_a_row_names_event_types_and_fields_that_there_are(number: str) -> None:
    types = types_of(number)
    (cell,) = [fields for one, _, fields in ROWS if one == number]

    assert types
    assert types <= CLASSES.keys()
    assert set(re.findall(r"`([a-z_]+)`", cell)) <= set().union(*(fields_of(name) for name in types))


TOLD_TO_PEOPLE_ALONE = {"nuxari.monitoring.delivery_target_disabled.v1"}


def test_nothing_is_reported_of_access_or_of_monitoring_that_no_detection_needs() -> None:
    needed = set().union(*(types_of(number) for number, _, _ in ROWS))

    assert (ACCESS_ACTIVITY.event_types | MONITORING_LIFECYCLE.event_types) - TOLD_TO_PEOPLE_ALONE <= needed
