"""The fields that events can have: what a rule names beyond these is never there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, get_args

import msgspec
from nuxari_events.topics import TOPICS
from pydantic import BaseModel

from services.monitoring.domain.derived import FIELDS
from services.monitoring.domain.fact_layout import Facts
from services.monitoring.domain.model import AlertFacts

_OPEN = ("data.group.", "data.context.")
"""What is below these is named by whoever wrote the rule that raised the alert."""

_OF_ALERTS = frozenset({"data.is_suppressed"})
"""What alerts that are fed back to rules have besides what they are announced with."""


def unknown(fields: Iterable[str | None]) -> list[str]:
    """Return the fields that no event of the contract has, sorted."""
    return sorted({one for one in fields if one is not None and not _is_known(one)})


def _is_known(field: str) -> bool:
    if field.startswith("data."):
        return field in _of_data() | _OF_ALERTS or field.startswith(_OPEN)
    if field.startswith("alert."):
        return field.removeprefix("alert.") in {one.name for one in msgspec.structs.fields(AlertFacts)}
    return field in FIELDS or Facts().code(field) != "None"


@cache
def _of_data() -> frozenset[str]:
    """Return the fields of any event's data."""
    events = (event for topic in TOPICS for event in topic.event_classes)
    return frozenset(name for event in events for name in _fields(event.model_fields["data"].annotation, "data"))


def _fields(annotation: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - a type
    for model in _models(annotation):
        for name, field in model.model_fields.items():
            yield f"{path}.{name}"
            yield from _fields(field.annotation, f"{path}.{name}")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - a type
    """Yield the models in it, also of lists and of what may be missing."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
