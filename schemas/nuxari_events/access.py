"""What other components report of access: sign-ins, MFA challenges, actions, credential uses, roles given elsewhere."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from nuxari_events.envelope import Event, Name, Text
from nuxari_events.origins import Asn, Country, RequestOrigin


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


class SignInFailure(StrEnum):
    """Why a sign-in failed, in the same words for every source."""

    UNKNOWN_USER = "unknown_user"
    """There is no such account; `user_id` is then the name that was tried, or a hash of it."""
    WRONG_CREDENTIAL = "wrong_credential"
    CREDENTIAL_EXPIRED = "credential_expired"
    ACCOUNT_LOCKED = "account_locked"
    ACCOUNT_DISABLED = "account_disabled"
    SECOND_FACTOR_FAILED = "second_factor_failed"
    """The first factor was right."""
    POLICY_DENIED = "policy_denied"
    """All factors that were asked for were right, and a policy refused."""
    OTHER = "other"


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


class Origin(RequestOrigin):
    """Where an access came from. Every field may be missing; a missing one is never guessed."""

    user_agent: Text | None = None
    root_session_id: Name | None = None
    """The session that `session_id` came from, such as the one of the identity provider; the same for all of them."""
    city: Name | None = None
    """As the source names it."""
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    """Degrees north (WGS 84), as the source places the address."""
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    """Degrees east."""


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
    """Why it failed, in the source's own words or code."""
    failure_kind: SignInFailure | None = None
    """The same in the contract's words; None where the source's say no such thing."""
    policy_id: Name | None = None
    """The policy that let it in or refused it, where the source names one."""


class SignInCompleted(Event):
    """A sign-in attempt ended in success or failure."""

    type: Literal["nuxari.access.sign_in_completed.v1"] = "nuxari.access.sign_in_completed.v1"
    data: SignInData


class MfaChallengeData(Origin):
    """One answered or unanswered MFA challenge; the origin is that of the sign-in or action which asked for it."""

    user_id: Name
    user_name: Name | None = None
    """The name of the account beside its id, such as `ada@example.com`, where the source gives both."""
    method: MfaMethod
    outcome: MfaOutcome
    factor_id: Name | None = None
    """The enrolled factor that was asked, such as a phone; the same for everybody who enrolled it."""
    application: Name | None = None
    challenge_id: Name | None = None
    answer_ip: Name | None = None
    """The address that the answer to a push came from, as reported."""
    answer_country: Country | None = None
    answer_asn: Asn | None = None
    answer_device_id: Name | None = None
    """The device that the answer came from."""


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
    version_id: Name | None = None
    """Which version of the credential was presented, such as a key id."""
    resource: Name | None = None
    scope: Name | None = None
    """The scope that this use needs."""
    within_scope: bool | None = None
    """Whether the credential was issued for that scope; None where nobody checked."""
    on_behalf_of: Name | None = None
    """The person for whom an agent presented it (RFC 8693), by user id."""


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


class SessionEndReason(StrEnum):
    """Why a session ended."""

    SIGNED_OUT = "signed_out"
    EXPIRED = "expired"
    REVOKED = "revoked"


class SessionEndData(Origin):
    """One session that is over; it began with the sign-in of the same `session_id`."""

    user_id: Name
    user_name: Name | None = None
    """The name of the account beside its id, such as `ada@example.com`, where the source gives both."""
    session_id: Name
    reason: SessionEndReason | None = None
    application: Name | None = None


class SessionEnded(Event):
    """A session is over: nothing of it may be used any more."""

    type: Literal["nuxari.access.session_ended.v1"] = "nuxari.access.session_ended.v1"
    data: SessionEndData


class TokenReuseData(Origin):
    """A refresh or agent token that was presented although its successor had been issued (RFC 9700, section 4.14)."""

    user_id: Name
    """Whose token it was: a person's or an agent's."""
    user_name: Name | None = None
    """The name of the account beside its id, such as `ada@example.com`, where the source gives both."""
    family_id: Name | None = None
    """All tokens that came from the same sign-in or issue; they are void now."""
    credential_id: Name | None = None
    """The credential, where the token is a governed one."""
    application: Name | None = None


class RefreshTokenReused(Event):
    """A token that had been exchanged was presented again: one of the two who hold it is not its owner."""

    type: Literal["nuxari.access.refresh_token_reused.v1"] = "nuxari.access.refresh_token_reused.v1"
    data: TokenReuseData


class PromptReportData(Origin):
    """A prompt that a person did not ask for; the origin is that of the sign-in which caused it, where it is known."""

    user_id: Name
    user_name: Name | None = None
    """The name of the account beside its id, such as `ada@example.com`, where the source gives both."""
    method: MfaMethod | None = None
    factor_id: Name | None = None
    challenge_id: Name | None = None
    application: Name | None = None


class MfaPromptReported(Event):
    """A user reported an MFA prompt, or a notice of a sign-in, as none of theirs."""

    type: Literal["nuxari.access.mfa_prompt_reported.v1"] = "nuxari.access.mfa_prompt_reported.v1"
    data: PromptReportData
