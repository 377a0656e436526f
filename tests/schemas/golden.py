"""The golden instances, as they lie in the repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nuxari_events.envelope import Event
from nuxari_events.topics import BY_EVENT_TYPE
from nuxari_events.wire import decode, encode, structured

SCHEMAS = Path(__file__).parents[2] / "schemas"

SIGN_IN = "nuxari.access.sign_in_completed.v1"
ALERT = "nuxari.security.alert_raised.v1"


def golden_text(event_type: str) -> bytes:
    return (SCHEMAS / "examples" / f"{event_type}.json").read_bytes()


def golden_object(event_type: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(golden_text(event_type))
    return loaded


def golden_event(event_type: str, **changes: Any) -> Event:
    """The golden instance with some attributes changed."""
    return decode(BY_EVENT_TYPE[event_type], value=golden_text(event_type)).model_copy(update=changes)


def golden_event_about(event_type: str, user_id: str, **changes: Any) -> Event:
    """The golden instance as if it were about another user."""
    event: Any = golden_event(event_type, subject=user_id, **changes)
    of_user = {"user_id": user_id} if "user_id" in type(event.data).model_fields else {}
    changed: Event = event.model_copy(update={"data": event.data.model_copy(update=of_user)})
    return changed


def written(event: Event) -> bytes:
    """The event as Kafka carries it, read as structured JSON whichever mode its topic is written in."""
    encoded = encode(event)
    return structured(value=encoded.value, headers=encoded.headers)
