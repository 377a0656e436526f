"""What the service shows of a credential over HTTP, and how it reads times."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator

from services.credential_governance.domain.expiry import ExpiryBand
from services.credential_governance.domain.model import Credential, State

_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}")


def _is_written_out(value: object) -> object:
    """Refuse numbers, which would be taken for seconds since 1970."""
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC_3339.match(value)):
        return value
    raise ValueError("a time is written as in 2026-03-02T12:00:00Z")


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time must lie in the years 1 to 9999 in UTC") from None


UtcTime = Annotated[AwareDatetime, BeforeValidator(_is_written_out), AfterValidator(_in_utc)]
"""RFC 3339 with an offset; kept in UTC."""


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
