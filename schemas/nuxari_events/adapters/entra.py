"""Microsoft Entra ID logs as `access.activity`: after this, Graph's shape and Azure Monitor's are one.

Read are the resources `signIn` and `directoryAudit` of Microsoft Graph (v1.0 and beta), and the records that
diagnostic settings write to storage and event hubs, which hold the same under `properties`. What becomes what:

* a sign-in that succeeded or was refused: `SignInCompleted`, and one `MfaChallengeCompleted` for each second factor
  that was asked for and answered in it.
* an interrupt (`entra_codes`): `ActionPerformed` with its code as the reason.
* a sign-in of a service principal: `CredentialUsed` where the record names the key, else `ActionPerformed`.
* an audited activity that gives a directory or PIM role (`entra_roles`): `RoleGranted`; every other: `ActionPerformed`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from nuxari_events.adapters import entra_audit, entra_sign_in
from nuxari_events.adapters.conversion import Conversion, Unread
from nuxari_events.adapters.fields import Fields
from nuxari_events.adapters.reading import (
    Head,
    UnreadableError,
    conversion_of,
    correlation,
    moment_of,
    needed_name,
    needed_time,
    source_of,
)
from nuxari_events.envelope import Event

SIGN_IN_CATEGORIES = frozenset(
    {
        "SignInLogs",
        "NonInteractiveUserSignInLogs",
        "ServicePrincipalSignInLogs",
        "ManagedIdentitySignInLogs",
        "MicrosoftServicePrincipalSignInLogs",
    }
)
AUDIT_CATEGORY = "AuditLogs"

_DIRECTORY = re.compile(r"^/tenants/([0-9A-Za-z-]{1,50})/providers/microsoft\.aadiam$", re.IGNORECASE)
_SIGN_IN_TIME, _AUDIT_TIME = "createdDateTime", "activityDateTime"


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """Where in a record the Graph resource lies, and which one it is."""

    body: Fields
    around: Fields | None
    """The diagnostic record around it; None for a resource of Graph."""
    is_sign_in: bool

    @property
    def time_field(self) -> str:
        return _SIGN_IN_TIME if self.is_sign_in else _AUDIT_TIME


def convert(record: Mapping[str, object], *, tenant_id: str | None = None) -> Conversion | Unread:
    """Return the record as events, or why it is none.

    `user_id` is the object id; the name that was typed where the directory has no such user. Without a tenant, the
    directory is the tenant, `entra-<directory id>`: Graph's audits do not name it, so they need one.
    """
    return conversion_of(record, lambda fields: _events(fields, tenant_id))


def moment(record: Mapping[str, object]) -> datetime | None:
    """Return when it happened; None where the record does not say."""
    body = record.get("properties")
    found = body if isinstance(body, Mapping) else record
    times = (found.get(_SIGN_IN_TIME), found.get(_AUDIT_TIME), record.get("time"))
    return next((time for value in times if (time := moment_of(value)) is not None), None)


def _events(fields: Fields, tenant_id: str | None) -> tuple[Event, ...]:
    shape = _shape(fields)
    body, around = shape.body, shape.around
    principal = entra_sign_in.principal(body) if shape.is_sign_in else entra_audit.principal(body)
    if principal is None:
        raise UnreadableError("no-principal", "userId, servicePrincipalId, initiatedBy: it names nobody")
    head = Head(
        source="",
        record_id=needed_name(body, "id"),
        time=_time(shape),
        tenant_id="",
        actor_id=principal,
        correlation_id=correlation(body, "correlationId"),
    )
    tenant = tenant_id or f"entra-{_directory(shape)}"
    head = Head(**{**vars(head), "tenant_id": tenant, "source": source_of("entra", tenant)})
    events = (
        entra_sign_in.events(body, head, code=_code(shape), category=_category(around))
        if shape.is_sign_in
        else entra_audit.events(body, head)
    )
    if around is not None:
        _take_what_is_said_again(body, around)
    return events


def _shape(fields: Fields) -> _Shape:
    if isinstance(fields.look("properties"), Mapping):
        return _diagnostic(fields)
    if isinstance(fields.look("status"), Mapping) and fields.look(_SIGN_IN_TIME) is not None:
        return _Shape(body=fields, around=None, is_sign_in=True)
    if fields.look_text("activityDisplayName"):
        return _Shape(body=fields, around=None, is_sign_in=False)
    raise UnreadableError("unknown-shape", "neither a signIn, nor a directoryAudit, nor a diagnostic record of one")


def _diagnostic(fields: Fields) -> _Shape:
    category = fields.look_text("category")
    if category not in SIGN_IN_CATEGORIES | {AUDIT_CATEGORY}:
        raise UnreadableError("unknown-category", "category: a sign-in log or AuditLogs is needed")
    fields.take("category")
    return _Shape(body=fields.at("properties"), around=fields, is_sign_in=category != AUDIT_CATEGORY)


def _category(around: Fields | None) -> str | None:
    return around.look_text("category") if around is not None else None


def _time(shape: _Shape) -> datetime:
    """The resource's own time; the time of the diagnostic record where the resource has none."""
    if shape.around is not None and shape.body.look(shape.time_field) is None:
        return needed_time(shape.around, "time")
    return needed_time(shape.body, shape.time_field)


def _directory(shape: _Shape) -> str:
    found = _directory_around(shape.around) if shape.around is not None else None
    home, of_resource = (shape.body.look_text(name) for name in ("homeTenantId", "resourceTenantId"))
    if found is None and home is not None and home == of_resource:
        shape.body.take("homeTenantId")
        shape.body.take("resourceTenantId")
        found = home
    if found is None:
        raise UnreadableError(
            "no-tenant", "tenantId, resourceId: the record does not name its directory; give a tenant"
        )
    return found.lower()


def _directory_around(around: Fields) -> str | None:
    named = around.text("tenantId")
    found = _DIRECTORY.match(around.look_text("resourceId") or "")
    return named or (found[1] if found else None)


def _code(shape: _Shape) -> int:
    """The number of the outcome; 0 is success."""
    code = shape.body.integer("status", "errorCode")
    around = shape.around.look_text("resultType") if shape.around is not None else None
    if code is None and around is not None and around.isascii() and around.isdigit() and len(around) < 12:  # noqa: PLR2004
        code = int(around)
    if code is None:
        raise UnreadableError("no-outcome", "status.errorCode: a number is needed")
    return code


def _take_what_is_said_again(body: Fields, around: Fields) -> None:
    around.said_again(body.look("correlationId"), "correlationId")
    around.said_again(body.look("ipAddress"), "callerIpAddress")
    around.said_again(body.look("initiatedBy", "user", "ipAddress"), "callerIpAddress")
    around.said_again(body.look("location", "countryOrRegion"), "location")
    around.said_again(body.look("activityDisplayName"), "operationName")
    around.said_again(body.look("status", "failureReason"), "resultDescription")
    around.said_again(str(body.look("status", "errorCode")), "resultType")
    times = [moment_of(body.look(name)) for name in (_SIGN_IN_TIME, _AUDIT_TIME)]
    if moment_of(around.look("time")) in [time for time in times if time is not None]:
        around.take("time")
