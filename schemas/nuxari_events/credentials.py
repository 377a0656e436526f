"""What is observed and announced of credentials: metadata and fingerprints only, never the credential."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import FailFast, Field

from nuxari_events.envelope import Event, Name, Payload, Text, Timestamp
from nuxari_events.origins import RequestOrigin


class CredentialKind(StrEnum):
    """What kind of credential it is."""

    API_KEY = "api_key"
    ACCESS_KEY = "access_key"
    PASSWORD = "password"  # noqa: S105 - the name of a kind
    CLIENT_SECRET = "client_secret"  # noqa: S105 - the name of a kind
    CERTIFICATE = "certificate"
    SSH_KEY = "ssh_key"
    AGENT_TOKEN = "agent_token"  # noqa: S105 - the name of a kind
    OTHER = "other"


class CredentialData(Payload):
    """The registered facts of a credential."""

    credential_id: Name
    name: Name
    kind: CredentialKind
    owner_id: Name | None = None
    """The user who answers for it."""
    issued_at: Timestamp
    expires_at: Timestamp | None = None
    version_id: Name | None = None
    """The version that is current."""
    last_used_at: Timestamp | None = None
    """As far as the source knows; None where it does not say, which is not "never"."""
    administrative: bool | None = None
    """Whether it opens an administrative interface; None where the source does not say."""
    network_restricted: bool | None = None
    """Whether it works from listed networks alone; None where the source does not say."""


class CredentialObserved(Event):
    """A connector or scanner saw a credential in a connected system."""

    type: Literal["nuxari.credential.credential_observed.v1"] = "nuxari.credential.credential_observed.v1"
    data: CredentialData


CredentialObservations = Annotated[CredentialObserved, Field()]
"""The contract of `credential.observations`."""


class CredentialRegistered(Event):
    """A credential is governed from now on; announced again with new facts when they change."""

    type: Literal["nuxari.credential.credential_registered.v1"] = "nuxari.credential.credential_registered.v1"
    data: CredentialData


class ExpiryBand(StrEnum):
    """How near the expiry is, scaled to the credential's lifetime; `expired` is past it."""

    WARNING = "warning"
    HIGH = "high"
    CRITICAL = "critical"
    EXPIRED = "expired"


class ExpiryData(Payload):
    """A band that was crossed."""

    credential_id: Name
    owner_id: Name | None = None
    band: ExpiryBand
    expires_at: Timestamp


class ExpiryBandCrossed(Event):
    """A credential came nearer to its expiry; announced once for each band reached, the most severe if several."""

    type: Literal["nuxari.credential.expiry_band_crossed.v1"] = "nuxari.credential.expiry_band_crossed.v1"
    data: ExpiryData


class OrphanData(Payload):
    """A credential whose owner is gone."""

    credential_id: Name
    kind: CredentialKind
    former_owner_id: Name
    orphaned_at: Timestamp


class CredentialOrphaned(Event):
    """The owner of a credential was deactivated; it has nobody who answers for it."""

    type: Literal["nuxari.credential.credential_orphaned.v1"] = "nuxari.credential.credential_orphaned.v1"
    data: OrphanData


class OwnerData(Payload):
    """A credential and its new owner."""

    credential_id: Name
    owner_id: Name


class CredentialOwnerAssigned(Event):
    """A credential has a (new) owner; it is no longer orphaned."""

    type: Literal["nuxari.credential.owner_assigned.v1"] = "nuxari.credential.owner_assigned.v1"
    data: OwnerData


class RotationData(Payload):
    """One credential whose current version is another from the event's `time` on."""

    credential_id: Name
    kind: CredentialKind | None = None
    rotation_id: Name | None = None
    old_version_id: Name | None = None
    new_version_id: Name | None = None
    grace_until: Timestamp | None = None
    """Until when the old version may still be used; None: no longer."""


class CredentialRotated(Event):
    """A new version of a credential was put in the place of the old one."""

    type: Literal["nuxari.credential.credential_rotated.v1"] = "nuxari.credential.credential_rotated.v1"
    data: RotationData


class RevocationReason(StrEnum):
    """Why a credential was revoked."""

    ROTATED = "rotated"
    """An old version whose grace is over."""
    COMPROMISED = "compromised"
    OWNER_LEFT = "owner_left"
    UNUSED = "unused"
    POLICY = "policy"
    REQUESTED = "requested"
    OTHER = "other"


class RevocationData(Payload):
    """What is no longer valid from `revoked_at` on."""

    credential_id: Name
    version_id: Name | None = None
    """Only this version; None: all of the credential."""
    kind: CredentialKind | None = None
    owner_id: Name | None = None
    revoked_at: Timestamp
    reason: RevocationReason | None = None


class CredentialRevoked(Event):
    """A credential, or one version of it, is void."""

    type: Literal["nuxari.credential.credential_revoked.v1"] = "nuxari.credential.credential_revoked.v1"
    data: RevocationData


class RotationDueData(Payload):
    """When a credential is to be rotated."""

    credential_id: Name
    owner_id: Name | None = None
    due_at: Timestamp


class RotationScheduled(Event):
    """A credential is rotated by a schedule from now on, or the time of its next rotation changed."""

    type: Literal["nuxari.credential.rotation_scheduled.v1"] = "nuxari.credential.rotation_scheduled.v1"
    data: RotationDueData


class RotationOverdue(Event):
    """A rotation did not happen when it was due; it is no longer overdue once the credential is rotated."""

    type: Literal["nuxari.credential.rotation_overdue.v1"] = "nuxari.credential.rotation_overdue.v1"
    data: RotationDueData


class RotationDisabledData(Payload):
    """A credential that nothing rotates; who decided so is the event's `actorid`."""

    credential_id: Name
    owner_id: Name | None = None
    reason: Text | None = None


class RotationDisabled(Event):
    """A credential is no longer rotated by a schedule."""

    type: Literal["nuxari.credential.rotation_disabled.v1"] = "nuxari.credential.rotation_disabled.v1"
    data: RotationDisabledData


class OutOfBandChangeData(Payload):
    """A password or secret that is not what the last rotation made it; who changed it is the event's `actorid`."""

    credential_id: Name
    kind: CredentialKind | None = None
    owner_id: Name | None = None
    version_id: Name | None = None
    """The version that nobody here made."""
    changed_at: Timestamp | None = None
    """None where only the change is known, not its time."""


class OutOfBandChangeDetected(Event):
    """A governed password or secret was changed by something else than its rotation."""

    type: Literal["nuxari.credential.out_of_band_change_detected.v1"] = (
        "nuxari.credential.out_of_band_change_detected.v1"
    )
    data: OutOfBandChangeData


class NetworkRestrictionData(Payload):
    """From where a credential works; who decided so is the event's `actorid`."""

    credential_id: Name
    kind: CredentialKind | None = None
    administrative: bool | None = None
    """Whether it opens an administrative interface; None where the source does not say."""
    network_restricted: bool
    """False: it works from anywhere."""
    networks: Annotated[int, Field(ge=0)] | None = None
    """How many networks are listed."""
    weakened: bool | None = None
    """Whether it works from networks from which it did not before."""


class NetworkRestrictionChanged(Event):
    """A credential works from other networks than before."""

    type: Literal["nuxari.credential.network_restriction_changed.v1"] = (
        "nuxari.credential.network_restriction_changed.v1"
    )
    data: NetworkRestrictionData


class AgentTokenData(RequestOrigin):
    """A token that was issued to an agent; the origin is that of whoever asked for it.

    A `session_id` in it is the session of the person who asked; without one, no person did.
    """

    credential_id: Name
    version_id: Name | None = None
    agent_id: Name
    """The agent, as a principal: the `user_id` of what is done with the token."""
    sponsor_id: Name | None = None
    """The person who answers for the agent."""
    scopes: Annotated[tuple[Name, ...], Field(max_length=64), FailFast()] = ()
    """Declared for it; using more than these is refused or reported."""
    expires_at: Timestamp | None = None
    approval_request_id: Name | None = None
    approver_id: Name | None = None


class AgentTokenIssued(Event):
    """An agent received a token."""

    type: Literal["nuxari.credential.agent_token_issued.v1"] = "nuxari.credential.agent_token_issued.v1"
    data: AgentTokenData


CredentialLifecycle = Annotated[
    CredentialRegistered
    | ExpiryBandCrossed
    | CredentialOrphaned
    | CredentialOwnerAssigned
    | CredentialRotated
    | CredentialRevoked
    | RotationScheduled
    | RotationOverdue
    | RotationDisabled
    | OutOfBandChangeDetected
    | NetworkRestrictionChanged
    | AgentTokenIssued,
    Field(discriminator="type"),
]
"""The contract of `credential.lifecycle`."""
