"""Stories of detections: what happens, and which alerts come of it; after this, a story is events of the contract."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml
from nuxari_events import wire
from nuxari_events.envelope import Event
from nuxari_events.topics import BY_EVENT_TYPE

from services.monitoring.domain.configuration import Surroundings, WorkingHours

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""Where offsets count from: a Monday."""

MOST_EVENTS = 100_000
"""Of one case; a slip in `times` ends here and not when memory does."""

_SPAN = re.compile(r"(-?)(\d{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_NOTHING_SET = Surroundings()

_OF_STORY = frozenset({"detection", "rule", "cases"})
_OF_CASE = frozenset({"says", "events", "alerts", "settings"})
_OF_EVENT = frozenset({"at", "every", "times"})
_OF_ALERT = frozenset({"rule", "group", "value", "severity"})
_OF_HOURS = frozenset({"days", "begin", "end"})


class StoryError(Exception):
    """A story cannot be told; the text says which one, where, and what would be right."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Some events and the alerts that the detection makes of them."""

    says: str
    events: tuple[Mapping[str, Any], ...] = field(repr=False)
    """As they are written, with `at`, `every` and `times`."""
    alerts: tuple[Mapping[str, Any], ...]
    surroundings: Surroundings = _NOTHING_SET

    @property
    def is_positive(self) -> bool:
        """Whether an alert is wanted."""
        return bool(self.alerts)


@dataclass(frozen=True, kw_only=True)
class Story:
    """The cases of one detection, from one file."""

    file: str
    about: int | str
    """The detection's number, or the name or id of a rule that has none."""
    cases: tuple[Case, ...]


def story_of(file: str, text: str) -> Story:
    """Return the story that the text of a file tells.

    Raises:
        StoryError: it is none.
    """
    try:
        return _story(file, yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise StoryError(f"{file}: no YAML: {' '.join(str(error).split())}") from None
    except StoryError as error:
        raise StoryError(f"{file}: {error}") from None


def events_of(case: Case) -> list[Event]:
    """Return the case's events in the order of time.

    Raises:
        StoryError: one of them is no event of the contract.
    """
    found = [_event(written, number) for number, written in enumerate(_repeated(case), start=1)]
    return sorted(found, key=lambda one: one.time)


def differs(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Say whether the alert that was found is another one than is wanted; what is not said is not compared."""
    return any(not _same(value, found[key]) for key, value in wanted.items())


def _story(file: str, content: Any) -> Story:  # noqa: ANN401 - any YAML
    said = _mapping(content, "a story", _OF_STORY)
    about = said.get("detection", said.get("rule"))
    if not isinstance(about, int | str) or not isinstance(said.get("cases"), list):
        raise StoryError("a story has 'detection' (a number) or 'rule' (a name), and a list of 'cases'")
    return Story(file=file, about=about, cases=tuple(map(_case, said["cases"])))


def _case(content: Any) -> Case:  # noqa: ANN401 - any YAML
    said = _mapping(content, "a case", _OF_CASE)
    missing = sorted({"says", "events", "alerts"} - said.keys())
    if missing:
        raise StoryError(f"a case has no '{missing[0]}'")
    says = str(said["says"])
    try:
        return Case(
            says=says,
            events=tuple(_mapping(one, "an event") for one in _list(said["events"], "events")),
            alerts=tuple(_mapping(one, "an alert", _OF_ALERT) for one in _list(said["alerts"], "alerts")),
            surroundings=_surroundings(said.get("settings") or {}),
        )
    except StoryError as error:
        raise StoryError(f"'{says}': {error}") from None


def _surroundings(content: Any) -> Surroundings:  # noqa: ANN401 - any YAML
    said: dict[str, Any] = dict(_mapping(content, "the settings", frozenset(Surroundings.__dataclass_fields__)))
    hours = said.pop("working_hours", None)
    lists: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}
    return Surroundings(**lists) if hours is None else Surroundings(**lists, working_hours=_hours(hours))


def _hours(content: Any) -> WorkingHours:  # noqa: ANN401 - any YAML
    said = _mapping(content, "working_hours", _OF_HOURS)
    given: dict[str, Any] = {name: tuple(one) if name == "days" else _span(one) for name, one in said.items()}
    return WorkingHours(**given)


def _repeated(case: Case) -> Iterator[dict[str, Any]]:
    """Yield each event with its time, repeated ones as often as they happen."""
    count = 0
    for written in case.events:
        at, every = _span(written.get("at")), _span(written.get("every", "1s"))
        rest = {name: value for name, value in written.items() if name not in _OF_EVENT}
        for number in range(int(written.get("times", 1))):
            count += 1
            if count > MOST_EVENTS:
                raise StoryError(f"'{case.says}': a case has {MOST_EVENTS} events at most")
            yield {"time": (START + at + number * every).isoformat(), **_filled(rest, number)}


def _event(written: dict[str, Any], number: int) -> Event:
    data = written.get("data") or {}
    whole = {"specversion": "1.0", "id": f"e{number}", "source": "/test", "tenantid": "acme", **written}
    whole.setdefault("subject", data.get("user_id") or "x")
    topic = BY_EVENT_TYPE.get(str(whole.get("type")))
    if topic is None:
        raise StoryError(f"there is no event type '{whole.get('type')}'")
    try:
        return wire.decode(topic, value=json.dumps(whole).encode())
    except (wire.MalformedEventError, TypeError) as error:
        raise StoryError(f"event {number} ({whole['type']}) is none of the contract: {error}") from None


def _filled(value: Any, number: int) -> Any:  # noqa: ANN401 - any YAML
    if isinstance(value, str):
        return value.replace("{n}", str(number))
    if isinstance(value, dict):
        return {name: _filled(one, number) for name, one in value.items()}
    return [_filled(one, number) for one in value] if isinstance(value, list) else value


def _span(text: Any) -> timedelta:  # noqa: ANN401 - any YAML
    found = _SPAN.fullmatch(str(text))
    if found is None:
        raise StoryError(f"'{text}' is no duration: write it like 30s, 10m, 2h, 3d or -1h")
    sign, number, unit = found.groups()
    return timedelta(**{_UNITS[unit]: int(f"{sign}{number}")})


def _mapping(content: Any, what: str, keys: frozenset[str] | None = None) -> Mapping[str, Any]:  # noqa: ANN401 - any YAML
    if not isinstance(content, dict):
        raise StoryError(f"{what} is a mapping")
    unknown = sorted(map(str, content.keys() - keys)) if keys is not None else []
    if unknown:
        raise StoryError(f"{what} has no '{unknown[0]}': there are {', '.join(sorted(keys or ()))}")
    return content


def _list(content: Any, what: str) -> list[Any]:  # noqa: ANN401 - any YAML
    if not isinstance(content, list):
        raise StoryError(f"'{what}' is a list")
    return content


def _same(wanted: Any, found: Any) -> bool:  # noqa: ANN401 - any JSON
    if isinstance(wanted, int | float) and isinstance(found, int | float):
        return math.isclose(wanted, found, rel_tol=1e-6)
    return bool(wanted == found)
