"""What the service shows of a credential over HTTP."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from services.credential_governance.domain.expiry import ExpiryBand
from services.credential_governance.domain.model import Credential, State


class CredentialView(BaseModel):
    """A governed credential as it stands now."""

    credential_id: str
    name: str
    kind: str
    notes: str
    state: State
    band: ExpiryBand | None
    """The expiry band it is in."""
    owner_id: str | None
    """Who answers for it; None if nobody does."""
    orphaned: bool
    orphaned_at: datetime | None
    former_owner_id: str | None
    """Who answered for it before it was orphaned."""
    issued_at: datetime
    expires_at: datetime | None
    next_band_at: datetime | None
    """When it comes nearer to its expiry by another band."""
    registered_at: datetime
    facts_at: datetime
    """When the facts were last confirmed."""

    @classmethod
    def of(cls, credential: Credential, *, at: datetime) -> CredentialView:
        """Return how it stands at that moment."""
        band = credential.band(at)
        return cls(
            credential_id=credential.credential_id,
            name=credential.name,
            kind=credential.kind,
            notes=credential.notes,
            state=credential.state(at),
            band=band,
            owner_id=credential.accountable_id,
            orphaned=credential.is_orphaned,
            orphaned_at=credential.orphaned_at,
            former_owner_id=credential.former_owner_id,
            issued_at=credential.validity.issued_at,
            expires_at=credential.validity.expires_at,
            next_band_at=credential.validity.next_start(beyond=band),
            registered_at=credential.registered_at,
            facts_at=credential.facts_at,
        )


class CredentialPage(BaseModel):
    """One page of credentials."""

    items: list[CredentialView]
    next: str | None
    """Cursor of the next page; None on the last."""
