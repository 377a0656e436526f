"""What is observed and announced of credentials: metadata and fingerprints only, never the credential."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from nuxari_events.envelope import Event, Name, Payload, Timestamp


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


CredentialLifecycle = Annotated[
    CredentialRegistered | ExpiryBandCrossed | CredentialOrphaned | CredentialOwnerAssigned,
    Field(discriminator="type"),
]
"""The contract of `credential.lifecycle`."""
