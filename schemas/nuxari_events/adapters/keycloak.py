"""Keycloak events as `access.activity`: after this, nobody tells a listener's JSON from the admin API's again.

Both shapes are read: what event listeners write (`Event` and `AdminEvent` as JSON) and what the admin REST API gives
(`/admin/realms/<realm>/events` and `/admin-events`). They differ in what they leave out. What becomes what:

* `LOGIN`, `REFRESH_TOKEN`, `OAUTH2_DEVICE_CODE_TO_TOKEN`, and their `_ERROR`: `SignInCompleted`.
* a `LOGIN_ERROR` at the second factor: `MfaChallengeCompleted`; one by which nobody was refused: `ActionPerformed`.
* `CLIENT_LOGIN`: `CredentialUsed`, as a client presented its secret or key.
* every other user event: `ActionPerformed` with the event's type.
* an admin event that maps roles to a user or group: `RoleGranted`; every other: `ActionPerformed`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from nuxari_events.access import (
    ActionData,
    ActionPerformed,
    CredentialUsed,
    CredentialUseData,
    MfaChallengeCompleted,
    MfaChallengeData,
    MfaMethod,
    MfaOutcome,
    Outcome,
    SignInCompleted,
    SignInData,
    SignInFlow,
)
from nuxari_events.adapters.conversion import Conversion, Unread
from nuxari_events.adapters.fields import Fields
from nuxari_events.adapters.keycloak_roles import grants_of
from nuxari_events.adapters.reading import Head, UnreadableError, conversion_of, is_ip, needed_name, source_of
from nuxari_events.envelope import Event

ADMIN_CLIENTS = frozenset({"security-admin-console", "admin-cli"})
"""The clients by which a realm is administered."""

SECOND_FACTORS = {
    "otp": MfaMethod.TOTP,
    "webauthn": MfaMethod.WEBAUTHN,
    "recovery-authn-codes": MfaMethod.RECOVERY_CODE,
}
"""Credential types that Keycloak asks for after the first factor. `webauthn-passwordless` is a first factor."""

NOT_REFUSED = frozenset(
    {
        "already_logged_in",
        "consent_denied",
        "cookie_not_found",
        "display_unsupported",
        "expired_code",
        "rejected_by_user",
        "resolve_required_actions",
        "session_expired",
        "ssl_required",
    }
)
"""Errors of a login that was broken off, or goes on elsewhere, without anybody having been refused."""

OPERATIONS = frozenset({"CREATE", "UPDATE", "DELETE", "ACTION"})
"""What an admin event can say was done."""

_EVENT_TYPE = re.compile(r"^[A-Z][A-Z0-9_]{1,99}$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SAID_BY_ID = ("time", "type", "realmId", "clientId", "userId", "sessionId", "ipAddress", "error")
_SAID_BY_ADMIN_ID = ("time", "realmId", "operationType", "resourceType", "resourcePath", "error")

_SIGN_INS = {
    "LOGIN": SignInFlow.INTERACTIVE,
    "REFRESH_TOKEN": SignInFlow.REFRESH,
    "OAUTH2_DEVICE_CODE_TO_TOKEN": SignInFlow.DEVICE_CODE,
}


def convert(record: Mapping[str, object], *, tenant_id: str | None = None) -> Conversion | Unread:
    """Return the record as events, or why it is none.

    `user_id` is Keycloak's id of the user; the name that was typed where Keycloak knew no such user. Without a
    tenant, the realm is the tenant: `keycloak-<realm id>`. A record without an id of its own, as older versions
    write them, is known again by its contents.
    """
    return conversion_of(record, lambda fields: _events(fields, tenant_id))


def moment(record: Mapping[str, object]) -> datetime | None:
    """Return when it happened; None where the record does not say."""
    value = record.get("time")
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        return _EPOCH + timedelta(milliseconds=value)
    except OverflowError:
        return None


def _events(fields: Fields, tenant_id: str | None) -> tuple[Event, ...]:
    if fields.look_text("operationType"):
        return _admin_events(fields, tenant_id)
    if fields.look_text("type"):
        return (_user_event(fields, tenant_id),)
    raise UnreadableError("unknown-shape", "neither `type` of a user event nor `operationType` of an admin event")


def _head(fields: Fields, tenant_id: str | None, *, actor_id: str) -> Head:
    realm = needed_name(fields, "realmId")
    time = moment({"time": fields.look("time")})
    if time is None:
        raise UnreadableError("bad-time", "time: milliseconds since 1970 are needed")
    record_id = fields.name("id") or _from_contents(fields)  # reads `time`, so it is taken after
    fields.take("time")
    return Head(
        source=source_of("keycloak", realm),
        record_id=record_id,
        time=time,
        tenant_id=tenant_id or f"keycloak-{realm}",
        actor_id=actor_id,
    )


def _from_contents(fields: Fields) -> str:
    """What makes a record without an id the one that it is; the same in both shapes."""
    details = fields.look("details")
    texts = details if isinstance(details, Mapping) else {}
    told = {key: value for key, value in texts.items() if isinstance(value, str)}
    is_admin = fields.look_text("operationType") is not None
    values = [fields.look(name) for name in (_SAID_BY_ADMIN_ID if is_admin else _SAID_BY_ID)]
    scalars = [value if isinstance(value, str | int) else None for value in values]
    actor = [fields.look_text("authDetails", name) for name in ("userId", "ipAddress")]
    representation = fields.look_text("representation")
    return json.dumps([scalars, actor, representation, sorted(told.items())])


def _user_event(fields: Fields, tenant_id: str | None) -> Event:
    name = needed_name(fields, "type")
    if not _EVENT_TYPE.match(name):
        raise UnreadableError("unknown-shape", "type: a name like LOGIN_ERROR is needed")
    kind, details = name.removesuffix("_ERROR"), fields.at("details")
    failed = name.endswith("_ERROR") or fields.look_text("error") is not None
    if kind == "IMPERSONATE":
        return _impersonation(fields, tenant_id, failed=failed)
    user_name = details.name("username")
    user_id = fields.name("userId") or user_name
    if user_id is None:
        raise UnreadableError("no-principal", "userId, details.username: it names nobody")
    head = _head(fields, tenant_id, actor_id=user_id)
    common = _origin(fields) | {"user_id": user_id, "user_name": user_name}
    return _of_kind(fields, head, common, kind=kind, failed=failed)


def _of_kind(fields: Fields, head: Head, common: dict[str, Any], *, kind: str, failed: bool) -> Event:
    error = fields.look_text("error")
    factor = SECOND_FACTORS.get(str(fields.look("details", "credential_type")))
    if kind == "LOGIN" and error == "invalid_user_credentials" and factor is not None:
        return _wrong_second_factor(fields, head, common, factor)
    if kind in _SIGN_INS and not (failed and error in NOT_REFUSED):
        return _sign_in(fields, head, common, kind=kind, failed=failed)
    if kind == "CLIENT_LOGIN" and fields.look_text("clientId"):
        return _client_login(fields, head, common, failed=failed)
    return _action(fields, head, common, failed=failed)


def _origin(fields: Fields) -> dict[str, Any]:
    return {"ip": fields.name("ipAddress", well_formed=is_ip), "session_id": fields.name("sessionId")}


def _sign_in(fields: Fields, head: Head, common: dict[str, Any], *, kind: str, failed: bool) -> Event:
    factor_used = str(fields.look("details", "credential_type")) in SECOND_FACTORS
    if factor_used and not failed:
        fields.take("details", "credential_type")
    data = SignInData(
        **common,
        outcome=_outcome(failed=failed),
        flow=_flow(fields, kind),
        mfa=True if factor_used and not failed else None,
        administrative=fields.look_text("clientId") in ADMIN_CLIENTS,
        application=fields.name("clientId"),
        failure_reason=fields.name("error"),
    )
    return SignInCompleted(**head.envelope(subject=data.user_id), data=data)


def _flow(fields: Fields, kind: str) -> SignInFlow:
    details = fields.at("details")
    if kind == "LOGIN" and details.look("grant_type") == "password":
        details.take("grant_type")
        return SignInFlow.ROPC
    if kind == "LOGIN" and details.look_text("identity_provider"):
        return SignInFlow.SINGLE_SIGN_ON
    return _SIGN_INS[kind]


def _wrong_second_factor(fields: Fields, head: Head, common: dict[str, Any], method: MfaMethod) -> Event:
    for path in (("error",), ("details", "credential_type")):
        fields.take(*path)
    data = MfaChallengeData(
        **common,
        method=method,
        outcome=MfaOutcome.FAILED,
        factor_id=fields.name("details", "selected_credential_id"),
        application=fields.name("clientId"),
    )
    return MfaChallengeCompleted(**head.envelope(subject=data.user_id), data=data)


def _client_login(fields: Fields, head: Head, common: dict[str, Any], *, failed: bool) -> Event:
    data = CredentialUseData(
        **common,
        credential_id=needed_name(fields, "clientId"),
        action=needed_name(fields, "type"),
        outcome=_outcome(failed=failed),
        failure_reason=fields.name("error"),
    )
    return CredentialUsed(**head.envelope(subject=data.credential_id), data=data)


def _impersonation(fields: Fields, tenant_id: str | None, *, failed: bool) -> Event:
    """Somebody became somebody else: the one who did it is the actor, whom they became is the resource."""
    who = fields.name("details", "impersonator")
    if who is None:
        raise UnreadableError("no-principal", "details.impersonator: it names nobody")
    head = _head(fields, tenant_id, actor_id=who)
    return _action(fields, head, _origin(fields) | {"user_id": who}, failed=failed, resource=fields.name("userId"))


def _action(
    fields: Fields, head: Head, common: dict[str, Any], *, failed: bool, resource: str | None = None
) -> ActionPerformed:
    data = ActionData(
        **common,
        action=needed_name(fields, "type"),
        resource=resource
        or fields.name("details", "selected_credential_id")
        or fields.name("details", "credential_type"),
        outcome=_outcome(failed=failed),
        application=fields.name("clientId"),
        reason=fields.name("error"),
    )
    return ActionPerformed(**head.envelope(subject=data.user_id), data=data)


def _outcome(*, failed: bool) -> Outcome:
    return Outcome.FAILURE if failed else Outcome.SUCCESS


def _admin_events(fields: Fields, tenant_id: str | None) -> tuple[Event, ...]:
    operation, by = needed_name(fields, "operationType"), fields.at("authDetails")
    if operation not in OPERATIONS:
        raise UnreadableError("unknown-operation", f"operationType: one of {', '.join(sorted(OPERATIONS))} is needed")
    user_id = by.name("userId")
    if user_id is None:
        raise UnreadableError("no-principal", "authDetails.userId: it names nobody")
    head = _head(fields, tenant_id, actor_id=user_id)
    origin = {"ip": by.name("ipAddress", well_formed=is_ip)}
    granted = grants_of(fields, head, origin) if operation == "CREATE" and not fields.look_text("error") else ()
    return granted or (_admin_action(fields, head, origin),)


def _admin_action(fields: Fields, head: Head, origin: dict[str, Any]) -> ActionPerformed:
    operation, kind = needed_name(fields, "operationType"), fields.name("resourceType")
    fields.said_again(kind, "resourceTypeAsString")
    reason = fields.name("error")
    data = ActionData(
        **origin,
        user_id=head.actor_id,
        action=f"{operation} {kind}" if kind else operation,
        resource=fields.name("resourcePath"),
        outcome=_outcome(failed=reason is not None or fields.look_text("error") is not None),
        application=fields.name("authDetails", "clientId"),
        reason=reason,
    )
    return ActionPerformed(**head.envelope(subject=data.user_id), data=data)
