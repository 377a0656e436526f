"""Decisions as events of `credential.lifecycle`: the only file that knows both the domain and the contract."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nuxari_events import credentials as contract
from nuxari_events.envelope import Event
from nuxari_events.ids import derived_id, uuid7
from nuxari_events.topics import event_type

from services.credential_governance.domain.expiry import ExpiryBand
from services.credential_governance.domain.model import Credential, Facts

SOURCE = "/nuxari/credential-governance"


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What made us decide: a caller's request, another's event, or, with nothing set, the clock."""

    actor_id: str | None = None
    correlation_id: str | None = None
    event: Event | None = None

    @property
    def correlation(self) -> str | None:
        """What belongs together: what the event belongs to, or the event itself, or the request."""
        return self.correlation_id if self.event is None else self.event.correlationid or self.event.id


def facts_of(observed: contract.CredentialObserved) -> Facts:
    """Return what the source says of the credential."""
    data = observed.data
    return Facts(
        name=data.name,
        kind=data.kind.value,
        owner_id=data.owner_id,
        issued_at=data.issued_at,
        expires_at=data.expires_at,
    )


def registered(credential: Credential, *, tenant_id: str, cause: Cause, at: datetime) -> contract.CredentialRegistered:
    """Return the announcement that the credential is governed, with what is known of it now."""
    data = contract.CredentialData(
        credential_id=credential.credential_id,
        name=credential.name,
        kind=contract.CredentialKind(credential.kind),
        owner_id=credential.accountable_id,
        issued_at=credential.validity.issued_at,
        expires_at=credential.validity.expires_at,
    )
    envelope = _envelope(contract.CredentialRegistered, credential, tenant_id=tenant_id, cause=cause, at=at)
    return contract.CredentialRegistered(**envelope, data=data)


def orphaned(credential: Credential, *, tenant_id: str, cause: Cause) -> contract.CredentialOrphaned:
    """Return the announcement that nobody answers for the credential any more.

    Raises:
        ValueError: somebody does.
    """
    if credential.orphaned_at is None or credential.former_owner_id is None:
        raise ValueError("the credential is not orphaned")
    data = contract.OrphanData(
        credential_id=credential.credential_id,
        kind=contract.CredentialKind(credential.kind),
        former_owner_id=credential.former_owner_id,
        orphaned_at=credential.orphaned_at,
    )
    at = credential.orphaned_at
    envelope = _envelope(contract.CredentialOrphaned, credential, tenant_id=tenant_id, cause=cause, at=at)
    return contract.CredentialOrphaned(**envelope, data=data)


def owner_assigned(
    credential: Credential, *, tenant_id: str, cause: Cause, at: datetime
) -> contract.CredentialOwnerAssigned:
    """Return the announcement that somebody answers for the credential from now on.

    Raises:
        ValueError: nobody does.
    """
    if credential.accountable_id is None:
        raise ValueError("nobody answers for the credential")
    data = contract.OwnerData(credential_id=credential.credential_id, owner_id=credential.accountable_id)
    envelope = _envelope(contract.CredentialOwnerAssigned, credential, tenant_id=tenant_id, cause=cause, at=at)
    return contract.CredentialOwnerAssigned(**envelope, data=data)


def band_crossed(
    credential: Credential, band: ExpiryBand, *, tenant_id: str, at: datetime
) -> contract.ExpiryBandCrossed:
    """Return the announcement that the credential came nearer to its expiry; its id follows from expiry and band.

    Raises:
        ValueError: the credential does not expire.
    """
    expires_at = credential.validity.expires_at
    if expires_at is None:
        raise ValueError("the credential does not expire")
    data = contract.ExpiryData(
        credential_id=credential.credential_id,
        owner_id=credential.accountable_id,
        band=contract.ExpiryBand(band.value),
        expires_at=expires_at,
    )
    envelope = _envelope(contract.ExpiryBandCrossed, credential, tenant_id=tenant_id, cause=Cause(), at=at)
    envelope["id"] = derived_id(SOURCE, tenant_id, credential.credential_id, expires_at.isoformat(), band)
    return contract.ExpiryBandCrossed(**envelope, data=data)


def _envelope(
    cls: type[Event], credential: Credential, *, tenant_id: str, cause: Cause, at: datetime
) -> dict[str, Any]:
    """Return the attributes; what another's event causes has an id that follows from that event."""
    return {
        "id": _id(cls, credential, cause),
        "source": SOURCE,
        "time": at,
        "subject": credential.credential_id,
        "tenantid": tenant_id,
        "actorid": cause.actor_id,
        "correlationid": cause.correlation,
        "causationid": cause.event.id if cause.event is not None else None,
    }


def _id(cls: type[Event], credential: Credential, cause: Cause) -> str:
    if cause.event is None:
        return uuid7()
    return derived_id(*cause.event.identity, cause.event.tenantid, credential.credential_id, event_type(cls))
