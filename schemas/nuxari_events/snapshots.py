"""The contract as JSON Schema: after this, a reader in any language knows an event type without our Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from typing_extensions import override

from nuxari_events.envelope import Event
from nuxari_events.topics import TOPICS, Topic, event_type

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_ALWAYS_THERE = ("specversion", "id", "type")
"""Required of an event that is read, though the models have defaults for those who build one."""


class _WithoutTitles(GenerateJsonSchema):
    """A field's title would only repeat its name."""

    @override
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def snapshots() -> dict[str, Schema]:
    """Return the JSON Schema (2020-12) of every event type, by type."""
    return {event_type(cls): snapshot(cls, topic=topic) for topic in TOPICS for cls in topic.event_classes}


def snapshot(cls: type[Event], *, topic: Topic) -> Schema:
    """Return one event type's schema, self-contained, with its topic and key."""
    name = event_type(cls)
    where = {"x-nuxari-topic": topic.name, "x-nuxari-key": topic.key_description}
    schema = _as_read(cls.model_json_schema(schema_generator=_WithoutTitles))
    return {"$schema": DIALECT, "$id": f"urn:nuxari:event:{name}", **where, **schema}


def component_schemas() -> dict[str, Schema]:
    """Return every model's schema by class name, with references as AsyncAPI has them."""
    classes = [cls for topic in TOPICS for cls in topic.event_classes]
    _, shared = models_json_schema(
        [(cls, "validation") for cls in classes],
        ref_template="#/components/schemas/{model}",
        schema_generator=_WithoutTitles,
    )
    events = {cls.__name__ for cls in classes}
    return {name: _as_read(schema) if name in events else schema for name, schema in shared["$defs"].items()}


def as_text(schema: Mapping[str, Any]) -> str:
    """Return the file text of a schema or example."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def read_snapshots(directory: Path) -> dict[str, Schema]:
    """Return the schemas of a directory of `<type>.json` files, by type.

    Raises:
        OSError: it cannot be read.
        ValueError: a file is not a JSON object.
    """
    return {
        path.stem: parse_snapshot(path.read_text(encoding="utf-8"), name=path.name)
        for path in sorted(directory.glob("*.json"))
    }


def parse_snapshot(text: str, *, name: str) -> Schema:
    """Return the schema.

    Raises:
        ValueError: the text is not a JSON object; the message gives the name.
    """
    try:
        schema = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{name}: not JSON: {error}") from None
    if not isinstance(schema, dict):
        raise ValueError(f"{name}: a JSON object is needed")  # noqa: TRY004 - bad text, not a bad argument
    return schema


def _as_read(schema: Schema) -> Schema:
    properties = dict(schema["properties"])
    for name in _ALWAYS_THERE:
        properties[name] = {key: value for key, value in properties[name].items() if key != "default"}
    missing = [name for name in _ALWAYS_THERE if name not in schema["required"]]
    return schema | {"properties": properties, "required": [*missing, *schema["required"]]}
