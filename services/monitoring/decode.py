"""Records to facts on the hot path: msgspec reads what is clearly right, the contract judges all the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from nuxari_events.envelope import Event
from nuxari_events.topics import ACCESS_ACTIVITY, BY_NAME
from nuxari_events.wire import MAX_EVENT_BYTES, UnknownEventTypeError, structured
from nuxari_events.wire import decode as decode_by_contract

from services.monitoring.domain.model import Fact

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$")]
_Text = Annotated[str, msgspec.Meta(max_length=2048, pattern=r"^[^\x00]*$")]
_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class _Origin(msgspec.Struct, frozen=True, gc=False):
    ip: _Name | None = None
    user_agent: _Text | None = None
    device_id: _Name | None = None
    session_id: _Name | None = None
    country: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$")] | None = None
    asn: Annotated[int, msgspec.Meta(ge=0, le=4_294_967_295)] | None = None


class _SignIn(_Origin, frozen=True, gc=False, kw_only=True):
    user_id: _Name
    outcome: Literal["success", "failure"]
    flow: Literal["interactive", "single_sign_on", "refresh", "ropc", "device_code", "legacy_protocol"] = "interactive"
    mfa: bool | None = None
    administrative: bool = False
    application: _Name | None = None
    failure_reason: _Name | None = None


class _MfaChallenge(_Origin, frozen=True, gc=False, kw_only=True):
    user_id: _Name
    method: Literal["push", "totp", "webauthn", "sms", "voice", "recovery_code"]
    outcome: Literal["approved", "denied", "timed_out", "failed"]


class _Action(_Origin, frozen=True, gc=False, kw_only=True):
    user_id: _Name
    action: _Name
    resource: _Name | None = None
    required_role: _Name | None = None
    outcome: Literal["success", "failure"] = "success"
    credential_id: _Name | None = None


class _CredentialUse(_Origin, frozen=True, gc=False, kw_only=True):
    credential_id: _Name
    user_id: _Name | None = None
    action: _Name | None = None
    outcome: Literal["success", "failure"] = "success"


class _RoleGrant(_Origin, frozen=True, gc=False, kw_only=True):
    user_id: _Name
    role: _Name
    privileged: bool
    system: _Name
    pim_request_id: _Name | None = None


_Id = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,128}$")]
_TraceParent = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]


class _Envelope(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type"):
    id: _Id
    source: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,256}$")]
    time: _Time
    subject: _Name
    tenantid: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    specversion: Literal["1.0"] = "1.0"
    datacontenttype: Literal["application/json"] = "application/json"
    actorid: _Name | None = None
    correlationid: _Id | None = None
    causationid: _Id | None = None
    traceparent: _TraceParent | None = None


class _SignInCompleted(_Envelope, frozen=True, gc=False, kw_only=True, tag="nuxari.access.sign_in_completed.v1"):
    data: _SignIn


class _MfaChallengeCompleted(
    _Envelope, frozen=True, gc=False, kw_only=True, tag="nuxari.access.mfa_challenge_completed.v1"
):
    data: _MfaChallenge


class _ActionPerformed(_Envelope, frozen=True, gc=False, kw_only=True, tag="nuxari.access.action_performed.v1"):
    data: _Action


class _CredentialUsed(_Envelope, frozen=True, gc=False, kw_only=True, tag="nuxari.access.credential_used.v1"):
    data: _CredentialUse


class _RoleGranted(_Envelope, frozen=True, gc=False, kw_only=True, tag="nuxari.access.role_granted.v1"):
    data: _RoleGrant


_ACCESS = msgspec.json.Decoder(
    _SignInCompleted | _MfaChallengeCompleted | _ActionPerformed | _CredentialUsed | _RoleGranted
)


def decode(
    topic: str,
    *,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes]],
    partition: int,
    offset: int,
    ingested_ms: int,
) -> Fact | None:
    """Return the event as a fact; None for a well-formed event of a type that nobody here knows.

    Raises:
        MalformedEventError: it is no event of the topic's contract.
    """
    event: Any = _at_once(topic, value, headers)
    if event is None:
        try:
            event = decode_by_contract(BY_NAME[topic], value=value, headers=headers)
        except UnknownEventTypeError:
            return None
    return Fact(
        type=event.type if isinstance(event, Event) else event.__struct_config__.tag,
        source=event.source,
        id=event.id,
        time_ms=round(event.time.timestamp() * 1000),
        tenant=event.tenantid,
        data=event.data,
        topic=topic,
        partition=partition,
        offset=offset,
        ingested_ms=ingested_ms,
    )


def _at_once(topic: str, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> _Envelope | None:
    """Read what is clearly an event; None for everything else, whatever is wrong with it or merely unusual."""
    if topic != ACCESS_ACTIVITY.name or value is None or len(value) > MAX_EVENT_BYTES:
        return None
    try:
        event: _Envelope = _ACCESS.decode(structured(value=value, headers=headers) if headers else value)
    except (msgspec.DecodeError, ValueError):
        return None
    return event
