"""Okta's System Log as `access.activity`: after this, an `eventType` is a sign-in, a challenge, a role or an action.

Read are log events as the System Log API gives them (`/api/v1/logs`). What becomes what:

* `user.session.start`, `user.authentication.sso`: `SignInCompleted`.
* `user.authentication.auth_via_mfa` with a second factor, `user.mfa.okta_verify.deny_push*`: `MfaChallengeCompleted`.
* `user.account.privilege.grant`, `group.privilege.grant`: one `RoleGranted` for each role and receiver.
* every other event type: `ActionPerformed` with that type.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nuxari_events.access import (
    ActionData,
    ActionPerformed,
    MfaChallengeCompleted,
    MfaChallengeData,
    MfaMethod,
    MfaOutcome,
    Outcome,
    RoleGrantData,
    RoleGranted,
    SignInCompleted,
    SignInData,
    SignInFlow,
)
from nuxari_events.adapters.conversion import Conversion, Unread
from nuxari_events.adapters.countries import code_of
from nuxari_events.adapters.fields import TEXT_LENGTH, Fields
from nuxari_events.adapters.reading import (
    Head,
    UnreadableError,
    as_number,
    conversion_of,
    coordinates,
    correlation,
    is_ip,
    moment_of,
    needed_name,
    needed_time,
    source_of,
)
from nuxari_events.envelope import Event

UNKNOWN = "unknown"
"""What Okta writes where it knows no user, session or name."""

ADMIN_CONSOLE = "Okta Admin Console"

SUCCESSES = frozenset({"SUCCESS", "ALLOW", "CHALLENGE", "DEFERRED", "SCHEDULED"})
FAILURES = frozenset({"FAILURE", "DENY", "RATE_LIMIT", "SKIPPED", "ABANDONED", "UNANSWERED"})
"""`outcome.result`; `UNKNOWN` is neither."""

FACTORS = {
    "CALL": MfaMethod.VOICE,
    "CALL_FACTOR": MfaMethod.VOICE,
    "FIDO2_WEBAUTHN": MfaMethod.WEBAUTHN,
    "FIDO_U2F": MfaMethod.WEBAUTHN,
    "FIDO_WEBAUTHN": MfaMethod.WEBAUTHN,
    "GOOGLE_SOFT_TOKEN": MfaMethod.TOTP,
    "OKTA_SOFT_TOKEN": MfaMethod.TOTP,
    "OKTA_VERIFY_PUSH": MfaMethod.PUSH,
    "SMS": MfaMethod.SMS,
    "SMS_FACTOR": MfaMethod.SMS,
    "SOFT_TOKEN": MfaMethod.TOTP,
    "TOKEN_SOFTWARE_TOTP": MfaMethod.TOTP,
    "WEBAUTHN": MfaMethod.WEBAUTHN,
}
"""`debugData.factor`. A password, an e-mail, a question and FastPass are no second factor of the contract."""

READ_ONLY_ROLES = frozenset(
    {"read only admin", "read only administrator", "read-only administrator", "report administrator"}
)
"""Administrative roles (lower case) that change nothing; every other one counts as privileged."""

_DENIED = "OV_RESPONSE_DENY"
_ANSWERS = ("pushOnlyResponseType", "pushWithNumberChallengeResponseType")
_DENIALS = frozenset({"user.mfa.okta_verify.deny_push", "user.mfa.okta_verify.deny_push_upgrade_needed"})
_GRANTS = frozenset({"user.account.privilege.grant", "group.privilege.grant"})
_RECEIVERS = {"User": "", "UserGroup": "groups/"}


def convert(record: Mapping[str, object], *, tenant_id: str | None = None) -> Conversion | Unread:
    """Return the record as events, or why it is none.

    `user_id` is Okta's id of the actor; the name that was typed where Okta knows no such user. A log event does not
    name its organisation, so a tenant has to be given.
    """
    return conversion_of(record, lambda fields: _events(fields, tenant_id))


def moment(record: Mapping[str, object]) -> datetime | None:
    """Return when it happened; None where the record does not say."""
    return moment_of(record.get("published"))


def _events(fields: Fields, tenant_id: str | None) -> tuple[Event, ...]:
    kind = fields.look_text("eventType")
    if kind is None or not isinstance(fields.look("actor"), Mapping):
        raise UnreadableError("unknown-shape", "eventType, actor: a log event has both")
    head = _head(fields, tenant_id)
    result = _result(fields)
    origin = _origin(fields)
    if kind in {"user.session.start", "user.authentication.sso"}:
        return (_sign_in(fields, head, origin, result),)
    challenge = _challenge(fields, head, origin, kind)
    if challenge is not None:
        return (challenge,)
    granted = _grants(fields, head, origin) if kind in _GRANTS and result is Outcome.SUCCESS else ()
    return granted or (_action(fields, head, origin, result),)


def _head(fields: Fields, tenant_id: str | None) -> Head:
    if tenant_id is None:
        raise UnreadableError("no-tenant", "a log event does not name its organisation; give a tenant")
    return Head(
        source=source_of("okta", tenant_id),
        record_id=needed_name(fields, "uuid"),
        time=needed_time(fields, "published"),
        tenant_id=tenant_id,
        actor_id=_actor(fields.at("actor")),
        correlation_id=correlation(fields, "transaction", "id"),
    )


def _actor(actor: Fields) -> str:
    for name in ("id", "alternateId"):
        if actor.look(name) != UNKNOWN and (found := actor.name(name)) is not None:
            return found
    raise UnreadableError("no-principal", "actor.id, actor.alternateId: it names nobody")


def _result(fields: Fields) -> Outcome:
    result = fields.look_text("outcome", "result")
    if result not in SUCCESSES | FAILURES:
        raise UnreadableError("no-outcome", "outcome.result: SUCCESS, FAILURE, ALLOW, DENY or the like is needed")
    if result in {"SUCCESS", "FAILURE"}:
        fields.take("outcome", "result")
    return Outcome.SUCCESS if result in SUCCESSES else Outcome.FAILURE


def _origin(fields: Fields) -> dict[str, Any]:
    client, place = fields.at("client"), fields.at("client", "geographicalContext")
    return coordinates(place.at("geolocation"), latitude="lat", longitude="lon") | {
        "ip": client.name("ipAddress", well_formed=is_ip),
        "user_agent": client.name("userAgent", "rawUserAgent", limit=TEXT_LENGTH),
        "device_id": _device(fields),
        "session_id": _known(fields.at("authenticationContext"), "externalSessionId"),
        "country": _country(place),
        "city": place.name("city"),
        "asn": as_number(fields, "securityContext", "asNumber"),
        "anonymous_proxy": fields.flag("securityContext", "isProxy"),
    }


def _known(fields: Fields, name: str) -> str | None:
    return None if fields.look(name) == UNKNOWN else fields.name(name)


def _device(fields: Fields) -> str | None:
    """The browser's token where there is one: it tells devices apart in every kind of event, the others in some."""
    data = fields.at("debugContext", "debugData")
    return data.name("dtHash") or data.name("deviceFingerprint") or fields.name("device", "id")


def _country(place: Fields) -> str | None:
    name = place.look_text("country")
    code = code_of(name) if name else None
    if code is not None:
        place.take("country")
    elif name:
        place.remark("left out, no known country", "country")
    return code


def _sign_in(fields: Fields, head: Head, origin: dict[str, Any], result: Outcome) -> SignInCompleted:
    sso = fields.look("eventType") == "user.authentication.sso"
    fields.take("eventType")
    application = _application(fields)
    federated = fields.look_text("authenticationContext", "authenticationProvider") in {"FEDERATION", "SOCIAL"}
    data = SignInData(
        **origin,
        user_id=head.actor_id,
        user_name=_known(fields.at("actor"), "alternateId"),
        outcome=result,
        flow=SignInFlow.SINGLE_SIGN_ON if sso or federated else SignInFlow.INTERACTIVE,
        administrative=application == ADMIN_CONSOLE,
        application=application,
        failure_reason=fields.name("outcome", "reason") if result is Outcome.FAILURE else None,
    )
    return SignInCompleted(**head.envelope(subject=head.actor_id), data=data)


def _application(fields: Fields) -> str | None:
    target = next((one for one in fields.each("target") if one.look("type") == "AppInstance"), None)
    return target.name("displayName") if target is not None else None


def _challenge(fields: Fields, head: Head, origin: dict[str, Any], kind: str) -> MfaChallengeCompleted | None:
    method, outcome = _answer(fields, kind)
    if method is None or outcome is None:
        return None
    for path in (("eventType",), ("outcome", "result"), ("debugContext", "debugData", "factor")):
        fields.take(*path)
    data = MfaChallengeData(
        **origin,
        user_id=head.actor_id,
        user_name=_known(fields.at("actor"), "alternateId"),
        method=method,
        outcome=outcome,
        factor_id=_factor_id(fields),
        application=_application(fields),
    )
    return MfaChallengeCompleted(**head.envelope(subject=head.actor_id), data=data)


def _answer(fields: Fields, kind: str) -> tuple[MfaMethod | None, MfaOutcome | None]:
    if kind in _DENIALS:
        return MfaMethod.PUSH, MfaOutcome.DENIED
    if kind != "user.authentication.auth_via_mfa":
        return None, None
    data = fields.at("debugContext", "debugData")
    method = FACTORS.get(data.look_text("factor") or "")
    return method, _ending(fields, data) if method is not None else None


def _ending(fields: Fields, data: Fields) -> MfaOutcome | None:
    """A denied prompt is a wrong credential to Okta: only what the phone answered tells them apart."""
    result = fields.look("outcome", "result")
    denied = [name for name in _ANSWERS if data.look(name) == _DENIED]
    if result == "FAILURE" and denied:
        data.take(denied[0])
        return MfaOutcome.DENIED
    endings = {
        "SUCCESS": MfaOutcome.APPROVED,
        "FAILURE": MfaOutcome.FAILED,
        "UNANSWERED": MfaOutcome.TIMED_OUT,
        "ABANDONED": MfaOutcome.TIMED_OUT,
    }
    return endings.get(str(result))


def _factor_id(fields: Fields) -> str | None:
    target = next((one for one in fields.each("target") if one.look("type") == "AuthenticatorEnrollment"), None)
    return target.name("id") if target is not None else None


def _grants(fields: Fields, head: Head, origin: dict[str, Any]) -> tuple[RoleGranted, ...]:
    receivers = [one for one in fields.each("target") if one.look_text("type") in _RECEIVERS and one.look_text("id")]
    roles = _roles(fields) if receivers else []
    if not roles:
        fields.remark("the role or its receiver is not named", "target")
        return ()
    fields.take("eventType")
    return tuple(_grant(head, origin, one, role) for one in receivers for role in roles)


def _roles(fields: Fields) -> list[str]:
    """`Super administrator, Application administrator (all)`: several are one text."""
    text = fields.text("debugContext", "debugData", "privilegeGranted")
    return list(dict.fromkeys(part.strip() for part in (text or "").split(", ") if part.strip()))


def _grant(head: Head, origin: dict[str, Any], target: Fields, role: str) -> RoleGranted:
    receiver = _RECEIVERS[str(target.text("type"))] + needed_name(target, "id")
    name = target.name("alternateId") if target.look("alternateId") != UNKNOWN else None
    data = RoleGrantData(
        **origin,
        user_id=receiver,
        user_name=name or target.name("displayName"),
        role=role,
        privileged=role.partition(" (")[0].casefold() not in READ_ONLY_ROLES,
        system=f"okta:{head.tenant_id}",
    )
    return RoleGranted(**head.envelope(subject=receiver, part=f"{receiver}/{role}"), data=data)


def _action(fields: Fields, head: Head, origin: dict[str, Any], result: Outcome) -> ActionPerformed:
    data = ActionData(
        **origin,
        user_id=head.actor_id,
        user_name=_known(fields.at("actor"), "alternateId"),
        action=needed_name(fields, "eventType"),
        resource=_resource(fields),
        outcome=result,
        application=_application(fields),
        reason=fields.name("outcome", "reason"),
    )
    return ActionPerformed(**head.envelope(subject=head.actor_id), data=data)


def _resource(fields: Fields) -> str | None:
    """The first of what it was done to: its type and id, as names are given anew."""
    for target in fields.each("target"):
        if target.look("id") != UNKNOWN and (found := target.name("id", limit=150)) is not None:
            kind = target.name("type", limit=100)
            return f"{kind}/{found}" if kind else found
    return None
