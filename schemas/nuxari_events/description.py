"""The AsyncAPI 3.0 description, made from the topic registry: after this, nobody writes a channel by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from importlib.metadata import version
from typing import Any

from nuxari_events.envelope import Event
from nuxari_events.snapshots import component_schemas
from nuxari_events.topics import TOPICS, Topic, event_type
from nuxari_events.wire import STRUCTURED

Document = dict[str, Any]

_BINDING = {"bindingVersion": "0.5.0"}
"""Of AsyncAPI's Kafka bindings."""

_ABOUT = (
    "Every message is one CloudEvents 1.0 event, in structured mode but where a message says otherwise; either mode is"
    " read everywhere. (source, id) identifies an event. Keys are hashed with murmur2. A type that a reader does not"
    " know is skipped; unknown fields are ignored."
)


def describe(examples: Mapping[str, Mapping[str, Any]]) -> Document:
    """Return the description of all topics, with one example per event type.

    Raises:
        KeyError: an event type has no example.
    """
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Nuxari tenant security", "version": version("nuxari-events"), "description": _ABOUT},
        "defaultContentType": STRUCTURED,
        "channels": {_identifier(topic.name): _channel(topic) for topic in TOPICS},
        "operations": _operations(),
        "components": {
            "messages": {
                cls.__name__: _message(cls, topic, examples[event_type(cls)])
                for topic in TOPICS
                for cls in topic.event_classes
            },
            "schemas": component_schemas(),
        },
    }


def _identifier(topic_name: str) -> str:
    first, *rest = topic_name.replace("_", ".").split(".")
    return first + "".join(part.capitalize() for part in rest)


def _channel(topic: Topic) -> Document:
    kept = "for ever" if topic.retention is None else f"for {topic.retention.days} days"
    kept = "the newest event of each key" if topic.cleanup == "compact" else kept
    return {
        "address": topic.name,
        "description": f"Written by {_listed(topic.producers)}; read by {_listed(topic.consumers)}. Kept: {kept}.",
        "messages": {cls.__name__: {"$ref": f"#/components/messages/{cls.__name__}"} for cls in topic.event_classes},
        "bindings": {"kafka": _channel_binding(topic)},
        "x-nuxari-dead-letter-topic": topic.dead_letter,
    }


def _channel_binding(topic: Topic) -> Document:
    configuration: Document = {"cleanup.policy": [topic.cleanup]}
    if topic.cleanup == "delete":
        configuration["retention.ms"] = -1 if topic.retention is None else topic.retention // timedelta(milliseconds=1)
    return {"topic": topic.name, "partitions": topic.partitions, "topicConfiguration": configuration, **_BINDING}


def _operations() -> Document:
    operations: Document = {}
    for topic in TOPICS:
        name = _identifier(topic.name)
        for action, who in (("send", topic.producers), ("receive", topic.consumers)):
            operations[action + name[0].upper() + name[1:]] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{name}"},
                "summary": f"By {_listed(who)}.",
                "x-nuxari-applications": list(who),
            }
    return operations


def _message(cls: type[Event], topic: Topic, example: Mapping[str, Any]) -> Document:
    fixed = {"content-type": STRUCTURED, "ce_type": event_type(cls)}
    shown, model, payload = fixed, cls.__name__, dict(example)
    if topic.content_mode == "binary":
        payload = dict(payload.pop("data"))
        attributes = {f"ce_{name}": text for name, text in example.items() if name not in {"data", "datacontenttype"}}
        fixed = fixed | {"content-type": example["datacontenttype"]}
        shown, model = attributes | fixed, _data_model(cls)
    return {
        "name": event_type(cls),
        "title": cls.__name__,
        "summary": (cls.__doc__ or "").strip(),
        "contentType": fixed["content-type"],
        "headers": {
            "type": "object",
            "properties": {
                name: {"type": "string", **({"const": fixed[name]} if name in fixed else {})} for name in shown
            },
        },
        "payload": {"$ref": f"#/components/schemas/{model}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": f"The {topic.key_description}."}, **_BINDING}},
        "examples": [{"name": cls.__name__, "headers": shown, "payload": payload}],
    }


def _data_model(cls: type[Event]) -> str:
    return str(getattr(cls.model_fields["data"].annotation, "__name__"))  # noqa: B009 - mypy knows no class there


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names)
