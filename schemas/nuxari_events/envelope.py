"""The CloudEvents 1.0 envelope: after this, an event is a typed object and its attributes are checked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from nuxari_events.ids import uuid7

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)", re.ASCII)
"""RFC 3339, and an offset without its colon, which many write. pydantic alone would take `1700000000` for a time."""


def _in_utc(value: Any, validate: ValidatorFunctionWrapHandler) -> datetime:  # noqa: ANN401 - text or a datetime
    if not isinstance(value, datetime) and not (isinstance(value, str) and _RFC3339.fullmatch(value)):
        raise ValueError("a time with seconds and its offset is needed (RFC 3339), such as 2026-03-02T09:00:00Z")
    moment: datetime = validate(value)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time lies outside the years 1 to 9999 of UTC") from None


def _rfc3339(value: datetime) -> str:
    return value.isoformat(timespec="microseconds").replace("+00:00", "Z")


type_pattern = r"^nuxari\.[a-z]+\.[a-z_]+\.v[1-9][0-9]*$"

Timestamp = Annotated[
    AwareDatetime, Strict(strict=False), WrapValidator(_in_utc), PlainSerializer(_rfc3339, when_used="json")
]
"""A point in time with its offset (RFC 3339); kept in UTC. A time without an offset is refused."""

TenantId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
"""A tenant: lower-case letters, digits and hyphens, 64 at most. Our own are UUIDv7."""

EventId = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
"""Visible ASCII, 128 characters at most; unique within one `source`. Ours are UUIDv7, derived ones UUIDv5."""

Source = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,256}$")]
"""A URI reference that names the producer, such as `/nuxari/identity` or `/connectors/aws/123456789012`."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A subject, user, role, credential or resource: one line of text, 256 characters at most."""

Text = Annotated[str, StringConstraints(max_length=2048, pattern=r"^[^\x00]*$")]
"""Free text, such as a justification: 2,048 characters at most, no NUL (PostgreSQL stores none)."""

Sequence = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]
"""Visible ASCII, 64 characters at most; with decimal digits alone, a gap can be told from a step."""

TraceParent = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]
"""W3C Trace Context, version-trace-parent-flags in lower-case hex."""


class Payload(BaseModel):
    """The `data` of an event: frozen, strict, and deaf to fields it does not know (additive change is not breaking)."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="ignore", allow_inf_nan=False, use_attribute_docstrings=True
    )


class Event(BaseModel):
    """The attributes that every event of ours carries; `(source, id)` identifies it, a re-send is a duplicate.

    Subclasses fix `type` and `data`. Read with `topics.contract(...)` or `wire.decode`, write with `wire.encode`.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="ignore", allow_inf_nan=False, use_attribute_docstrings=True
    )

    specversion: Literal["1.0"] = "1.0"
    id: EventId = Field(default_factory=uuid7)
    source: Source
    type: str
    time: Timestamp
    subject: Name
    tenantid: TenantId
    actorid: Name | None = None
    correlationid: EventId | None = None
    causationid: EventId | None = None
    traceparent: TraceParent | None = None
    sequence: Sequence | None = None
    """The place of the event among those of its `source` and `tenantid` in its topic, where the source counts them: one
    more for each (CloudEvents extension Sequence). Events that were lost or sent once more then show."""
    datacontenttype: Literal["application/json"] = "application/json"

    @property
    def identity(self) -> tuple[str, str]:
        """`(source, id)`: equal for an event and its re-send."""
        return self.source, self.id
