"""What other components report of access: sign-ins, MFA challenges, actions, credential uses, roles given elsewhere."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from nuxari_events.envelope import Event, Name, Payload, Text


class Outcome(StrEnum):
    """How an attempt ended."""

    SUCCESS = "success"
    FAILURE = "failure"


class SignInFlow(StrEnum):
    """How the sign-in was made; `ropc` and `device_code` are flows that avoid or weaken MFA (RFC 6749, RFC 8628)."""

    INTERACTIVE = "interactive"
    SINGLE_SIGN_ON = "single_sign_on"
    REFRESH = "refresh"
    ROPC = "ropc"
    DEVICE_CODE = "device_code"
    LEGACY_PROTOCOL = "legacy_protocol"


class MfaMethod(StrEnum):
    """The second factor that was asked for."""

    PUSH = "push"
    TOTP = "totp"
    WEBAUTHN = "webauthn"
    SMS = "sms"
    VOICE = "voice"
    RECOVERY_CODE = "recovery_code"


class MfaOutcome(StrEnum):
    """What became of an MFA challenge."""

    APPROVED = "approved"
    DENIED = "denied"
    TIMED_OUT = "timed_out"
    FAILED = "failed"


class Origin(Payload):
    """Where an access came from. Every field may be missing; a missing one is never guessed."""

    ip: Name | None = None
    """The address as reported, IPv4 or IPv6; a source's malformed value is kept as it is."""
    user_agent: Text | None = None
    device_id: Name | None = None
    session_id: Name | None = None
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    """ISO 3166-1 alpha-2."""
    asn: Annotated[int, Field(ge=0, le=4_294_967_295)] | None = None
    city: Name | None = None
    """As the source names it."""
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    """Degrees north (WGS 84), as the source places the address."""
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    """Degrees east."""
    anonymous_proxy: bool | None = None
    """Whether the source knows the address as a proxy that hides who is behind it; None where it does not say."""


class SignInData(Origin):
    """One completed sign-in attempt."""

    user_id: Name
    user_name: Name | None = None
    """The name of the account beside its id, such as `ada@example.com`, where the source gives both."""
    outcome: Outcome
    flow: SignInFlow = SignInFlow.INTERACTIVE
    mfa: bool | None = None
    """Whether a second factor was used; None where the source does not say."""
    administrative: bool = False
    """Whether the sign-in reaches an administrative plane or is made by the holder of an administrative role."""
    application: Name | None = None
    failure_reason: Name | None = None


class SignInCompleted(Event):
    """A sign-in attempt ended in success or failure."""

    type: Literal["nuxari.access.sign_in_completed.v1"] = "nuxari.access.sign_in_completed.v1"
    data: SignInData


class MfaChallengeData(Origin):
    """One answered or unanswered MFA challenge."""

    user_id: Name
    user_name: Name | None = None
    """The name of the account beside its id, such as `ada@example.com`, where the source gives both."""
    method: MfaMethod
    outcome: MfaOutcome
    factor_id: Name | None = None
    """The enrolled factor that was asked, such as a phone; the same for everybody who enrolled it."""
    application: Name | None = None


class MfaChallengeCompleted(Event):
    """An MFA challenge was approved, denied, answered wrongly, or ran out of time."""

    type: Literal["nuxari.access.mfa_challenge_completed.v1"] = "nuxari.access.mfa_challenge_completed.v1"
    data: MfaChallengeData


class ActionData(Origin):
    """One action on a resource."""

    user_id: Name
    user_name: Name | None = None
    """The name of the account beside its id, such as `ada@example.com`, where the source gives both."""
    action: Name
    resource: Name | None = None
    required_role: Name | None = None
    """The privileged role that this action needs; None for an ordinary action."""
    outcome: Outcome = Outcome.SUCCESS
    credential_id: Name | None = None
    application: Name | None = None
    """The application by which it was done."""
    reason: Name | None = None
    """Why it ended as it did, in the source's own words or code."""


class ActionPerformed(Event):
    """A user or machine did something; with `required_role` it was a privileged action."""

    type: Literal["nuxari.access.action_performed.v1"] = "nuxari.access.action_performed.v1"
    data: ActionData


class CredentialUseData(Origin):
    """One use of a key, token, secret or certificate."""

    credential_id: Name
    user_id: Name | None = None
    """The principal that presented it, where known."""
    user_name: Name | None = None
    """The name of the account beside its id, such as `ada@example.com`, where the source gives both."""
    action: Name | None = None
    outcome: Outcome = Outcome.SUCCESS
    application: Name | None = None
    failure_reason: Name | None = None


class CredentialUsed(Event):
    """A credential was presented somewhere."""

    type: Literal["nuxari.access.credential_used.v1"] = "nuxari.access.credential_used.v1"
    data: CredentialUseData


class RoleGrantData(Origin):
    """One role or policy given in a connected system."""

    user_id: Name
    """Who received it."""
    user_name: Name | None = None
    """The name of the account beside its id, such as `ada@example.com`, where the source gives both."""
    role: Name
    privileged: bool
    system: Name
    """Where it was given, such as `aws:123456789012`."""
    pim_request_id: Name | None = None
    """The PIM request that the grant carries out; None means it was made around PIM."""


class RoleGranted(Event):
    """A role was given to someone in a connected system."""

    type: Literal["nuxari.access.role_granted.v1"] = "nuxari.access.role_granted.v1"
    data: RoleGrantData


AccessActivity = Annotated[
    SignInCompleted | MfaChallengeCompleted | ActionPerformed | CredentialUsed | RoleGranted,
    Field(discriminator="type"),
]
"""The contract of `access.activity`."""
