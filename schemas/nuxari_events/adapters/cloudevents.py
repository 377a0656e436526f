"""CloudEvents of any producer as `access.activity`: after this, one of the contract is itself, and others are actions.

* an event of the contract of `access.activity`: as it is, checked.
* any other CloudEvent that says who did it (`authid` of the extension "Auth Context"): `ActionPerformed` with its type.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from nuxari_events import wire
from nuxari_events.access import ActionData, ActionPerformed
from nuxari_events.adapters.conversion import Conversion, Unread
from nuxari_events.adapters.fields import Fields
from nuxari_events.adapters.reading import (
    Head,
    UnreadableError,
    conversion_of,
    moment_of,
    needed,
    needed_name,
    needed_time,
)
from nuxari_events.envelope import Event, Source, TenantId
from nuxari_events.topics import ACCESS_ACTIVITY

OURS = "nuxari."
"""What the types of our contract start with: one that this version does not know is not taken for an action."""

_SOURCE: TypeAdapter[str] = TypeAdapter(Source)
_TENANT: TypeAdapter[str] = TypeAdapter(TenantId)


def convert(record: Mapping[str, object], *, tenant_id: str | None = None) -> Conversion | Unread:
    """Return the record as events, or why it is none.

    A tenant that is given is the tenant of the event whatever it says; an event that names none needs one. An event
    of the contract keeps its `source` and `id`; an action has the same `source`, and an id derived from both.
    """
    return conversion_of(record, lambda fields: (_event(fields, record, tenant_id),))


def moment(record: Mapping[str, object]) -> datetime | None:
    """Return when it happened; None where the record does not say."""
    return moment_of(record.get("time"))


def _event(fields: Fields, record: Mapping[str, object], tenant_id: str | None) -> Event:
    if fields.look("specversion") != "1.0":
        raise UnreadableError("unknown-shape", "specversion: a CloudEvent 1.0 in structured mode is needed")
    kind = needed(fields, "type")
    if kind in ACCESS_ACTIVITY.event_types:
        return _of_the_contract(fields, record, tenant_id)
    if kind.startswith(OURS):
        raise UnreadableError("unknown-type", "type: no event type of access.activity")
    return _action(fields, tenant_id)


def _of_the_contract(fields: Fields, record: Mapping[str, object], tenant_id: str | None) -> Event:
    given = dict(record) | ({} if tenant_id is None else {"tenantid": tenant_id})
    try:
        event = wire.decode(ACCESS_ACTIVITY, value=json.dumps(given).encode())
    except wire.MalformedEventError as error:
        raise UnreadableError(error.code, error.detail) from None
    except RecursionError:
        raise UnreadableError("not-json", "nested too deeply for an event") from None
    _take_what_was_read(fields, event)
    return event


def _take_what_was_read(fields: Fields, event: Event) -> None:
    for name in type(event).model_fields:
        if name != "data":
            fields.take(name)
    for name in type(event.data).model_fields:  # type: ignore[attr-defined]  # every event of the contract has data
        fields.take("data", name)


def _action(fields: Fields, tenant_id: str | None) -> Event:
    user_id = fields.name("authid")
    if user_id is None:
        raise UnreadableError("no-principal", "authid: it names nobody, and its type is none of access.activity")
    head = Head(
        source=_source(fields),
        record_id=needed_name(fields, "id"),
        time=needed_time(fields, "time"),
        tenant_id=_tenant(fields, tenant_id),
        actor_id=user_id,
    )
    fields.take("specversion")
    data = ActionData(user_id=user_id, action=needed_name(fields, "type"), resource=fields.name("subject"))
    return ActionPerformed(**head.envelope(subject=user_id), data=data)


def _source(fields: Fields) -> str:
    try:
        return _SOURCE.validate_python(fields.text("source"))
    except ValidationError:
        raise UnreadableError("missing-field", "source: a URI reference in visible ASCII is needed") from None


def _tenant(fields: Fields, tenant_id: str | None) -> str:
    try:
        return tenant_id or _TENANT.validate_python(fields.text("tenantid"))
    except ValidationError:
        raise UnreadableError(
            "no-tenant", "tenantid: lower-case letters, digits and hyphens; or give a tenant"
        ) from None
