"""The AsyncAPI document for those who serve it: what `/asyncapi.json` answers."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from importlib.resources import files
from typing import Any


def document(application: str | None = None) -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of all topics, or of those that the application writes or reads.

    Args:
        application: a name from the registry's producers and consumers, such as `identity`.

    Raises:
        ValueError: no topic names the application.
    """
    whole = deepcopy(_whole())
    return whole if application is None else _of(application, whole)


@cache
def _whole() -> dict[str, Any]:
    text = files("nuxari_events").joinpath("asyncapi.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _of(application: str, whole: dict[str, Any]) -> dict[str, Any]:
    operations = {
        name: operation
        for name, operation in whole["operations"].items()
        if application in operation["x-nuxari-applications"]
    }
    if not operations:
        raise ValueError(f"no topic is written or read by {application!r}")
    channels = {_last(operation["channel"]["$ref"]) for operation in operations.values()}
    kept = {name: channel for name, channel in whole["channels"].items() if name in channels}
    messages = {name for channel in kept.values() for name in channel["messages"]}
    components = whole["components"] | {
        "messages": {name: one for name, one in whole["components"]["messages"].items() if name in messages}
    }
    return whole | {"channels": kept, "operations": operations, "components": components}


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]
