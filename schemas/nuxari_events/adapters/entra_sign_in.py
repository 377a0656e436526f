"""Sign-ins of Microsoft Entra ID: after this, a code, a client and a list of steps are an outcome, a flow and MFA."""

from __future__ import annotations

from typing import Any

from nuxari_events.access import (
    ActionData,
    ActionPerformed,
    CredentialUsed,
    CredentialUseData,
    MfaChallengeCompleted,
    MfaChallengeData,
    MfaOutcome,
    Outcome,
    SignInCompleted,
    SignInData,
    SignInFlow,
)
from nuxari_events.adapters import entra_codes
from nuxari_events.adapters.fields import TEXT_LENGTH, Fields
from nuxari_events.adapters.reading import Head, as_number, coordinates, country_code, is_ip, moment_of
from nuxari_events.envelope import Event

NOBODY = "00000000-0000-0000-0000-000000000000"
"""What Microsoft writes for a user that the directory does not have."""

ACTIVITY = "Sign-in activity"
"""What Microsoft calls every sign-in."""

_USER_CATEGORIES = frozenset({"SignInLogs", "NonInteractiveUserSignInLogs"})
_MACHINE_TYPES = frozenset({"servicePrincipal", "managedIdentity"})
_MULTIFACTOR, _SINGLE_FACTOR = "multiFactorAuthentication", "singleFactorAuthentication"
_PRIMARY = "primary authentication"


def principal(body: Fields) -> str | None:
    """Take who signed in: the user's id, else the name that was given, else the service principal's id."""
    if body.look("userId") == NOBODY:
        body.take("userId")
        return body.name("userPrincipalName") or body.name("servicePrincipalId")
    return body.name("userId") or body.name("userPrincipalName") or body.name("servicePrincipalId")


def events(body: Fields, head: Head, *, code: int, category: str | None) -> tuple[Event, ...]:
    """Return what one sign-in record says."""
    origin = _origin(body)
    if _is_machine(body, category):
        return (_machine(body, head, origin, code),)
    origin["user_name"] = body.name("userPrincipalName")
    challenges = _challenges(body, head, origin)
    if code in entra_codes.INTERRUPTS:
        return (_action(body, head, origin, code), *challenges)
    return (_sign_in(body, head, origin, code, category), *challenges)


def _origin(body: Fields) -> dict[str, Any]:
    place = body.at("location")
    country = country_code(place, "countryOrRegion")
    placed = coordinates(place.at("geoCoordinates"), latitude="latitude", longitude="longitude") if country else {}
    return placed | {
        "ip": body.name("ipAddress", well_formed=is_ip),
        "user_agent": body.name("userAgent", limit=TEXT_LENGTH),
        "device_id": body.name("deviceDetail", "deviceId"),
        "session_id": body.name("sessionId"),
        "country": country,
        "city": place.name("city"),
        "asn": as_number(body, "autonomousSystemNumber"),
        "anonymous_proxy": _anonymous(body),
    }


def _anonymous(body: Fields) -> bool | None:
    for name in ("riskEventTypes_v2", "riskEventTypes"):
        risks = body.look(name)
        if isinstance(risks, list) and "anonymizedIPAddress" in risks:
            body.take(name, risks.index("anonymizedIPAddress"))
            return True
    return None


def _is_machine(body: Fields, category: str | None) -> bool:
    if category is not None and category not in _USER_CATEGORIES:
        return True
    types = body.look("signInEventTypes")
    named = body.look_text("servicePrincipalId") is not None
    return named and isinstance(types, list) and any(one in _MACHINE_TYPES for one in types if isinstance(one, str))


def _machine(body: Fields, head: Head, origin: dict[str, Any], code: int) -> Event:
    keys = ("servicePrincipalCredentialKeyId", "federatedCredentialId", "servicePrincipalCredentialThumbprint")
    credential = next((found for key in keys if (found := body.name(key))), None)
    origin["user_name"] = body.name("servicePrincipalName")
    if credential is None:
        return _action(body, head, origin, code)
    data = CredentialUseData(
        **origin,
        credential_id=credential,
        user_id=head.actor_id,
        action=ACTIVITY,
        outcome=_outcome(code),
        application=body.name("resourceDisplayName"),
        failure_reason=str(code) if code else None,
    )
    return CredentialUsed(**head.envelope(subject=credential), data=data)


def _action(body: Fields, head: Head, origin: dict[str, Any], code: int) -> ActionPerformed:
    data = ActionData(
        **origin,
        user_id=head.actor_id,
        action=ACTIVITY,
        resource=body.name("resourceDisplayName"),
        outcome=_outcome(code),
        application=body.name("appDisplayName"),
        reason=str(code) if code else None,
    )
    return ActionPerformed(**head.envelope(subject=head.actor_id), data=data)


def _outcome(code: int) -> Outcome:
    return Outcome.FAILURE if code else Outcome.SUCCESS


def _sign_in(body: Fields, head: Head, origin: dict[str, Any], code: int, category: str | None) -> SignInCompleted:
    administrative = body.look_text("appId") in entra_codes.ADMIN_APPLICATIONS
    if administrative:
        body.take("appId")
    data = SignInData(
        **origin,
        user_id=head.actor_id,
        outcome=_outcome(code),
        flow=_flow(body, category),
        mfa=_mfa(body) if code == 0 else None,
        administrative=administrative,
        application=body.name("appDisplayName"),
        failure_reason=str(code) if code else None,
    )
    return SignInCompleted(**head.envelope(subject=head.actor_id), data=data)


def _flow(body: Fields, category: str | None) -> SignInFlow:
    """The weakest thing that is said of the way: a legacy client is one even where it presents a token."""
    protocol = body.look_text("authenticationProtocol")
    flow = {"deviceCode": SignInFlow.DEVICE_CODE, "ropc": SignInFlow.ROPC}.get(protocol or "")
    if flow is not None:
        body.take("authenticationProtocol")
    if entra_codes.is_legacy(body.look_text("clientAppUsed")):
        body.take("clientAppUsed")
        return SignInFlow.LEGACY_PROTOCOL
    if flow is not None:
        return flow
    interactive = body.flag("isInteractive")
    silent = category == "NonInteractiveUserSignInLogs" or interactive is False
    return SignInFlow.REFRESH if silent else SignInFlow.INTERACTIVE


def _mfa(body: Fields) -> bool | None:
    """Whether a second factor was used, in this sign-in or before it; None where the record does not say."""
    required = body.look_text("authenticationRequirement")
    if required == _MULTIFACTOR:  # of a sign-in that succeeded, so it was satisfied
        body.take("authenticationRequirement")
        return True
    if any(_satisfies(step) for step in body.each("authenticationDetails")):
        return True
    if required != _SINGLE_FACTOR:
        return None
    body.take("authenticationRequirement")
    return False


def _satisfies(step: Fields) -> bool:
    """Whether the step is a second factor that counted."""
    method = (step.look_text("authenticationMethod") or "").casefold()
    is_second = not _is_primary(step) and entra_codes.mfa_method(method) is not None
    return step.look("succeeded") is True and (is_second or method in entra_codes.SATISFIED_BEFORE)


def _is_primary(step: Fields) -> bool:
    return (step.look_text("authenticationStepRequirement") or "").casefold() == _PRIMARY


def _challenges(body: Fields, head: Head, origin: dict[str, Any]) -> tuple[MfaChallengeCompleted, ...]:
    found = [
        _challenge(step, head, origin | {"application": body.look_text("appDisplayName")}, index)
        for index, step in enumerate(body.each("authenticationDetails"))
        if not _is_primary(step)
    ]
    return tuple(one for one in found if one is not None)


def _challenge(step: Fields, head: Head, common: dict[str, Any], index: int) -> MfaChallengeCompleted | None:
    method = entra_codes.mfa_method(step.look_text("authenticationMethod"))
    if method is None:
        return None
    outcome = _step_outcome(step)
    if outcome is None:
        step.remark("no answer to a challenge", "authenticationStepResultDetail")
        return None
    for name in (
        "authenticationMethod",
        "succeeded",
        "authenticationStepRequirement",
        "authenticationStepResultDetail",
    ):
        step.take(name)
    time = moment_of(step.look("authenticationStepDateTime"))
    if time is not None:
        step.take("authenticationStepDateTime")
    data = MfaChallengeData(**common, user_id=head.actor_id, method=method, outcome=outcome)
    return MfaChallengeCompleted(**head.envelope(subject=head.actor_id, part=f"mfa/{index}", time=time), data=data)


def _step_outcome(step: Fields) -> MfaOutcome | None:
    match step.look("succeeded"):
        case True:
            return MfaOutcome.APPROVED
        case False:
            return entra_codes.mfa_refusal(step.look_text("authenticationStepResultDetail"))
        case _:
            return None
