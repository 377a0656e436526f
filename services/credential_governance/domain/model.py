"""Credentials and the people who answer for them, as facts; times are aware and in UTC."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.credential_governance.domain.expiry import ExpiryBand, Validity


class UserStatus(StrEnum):
    """Where a user stands with identity, as far as was heard here."""

    UNHEARD_OF = "unheard_of"
    """A source named the user before identity did; the row is there to be locked."""
    INVITED = "invited"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"


@dataclass(frozen=True, kw_only=True)
class User:
    """A user as identity announced them last."""

    user_id: str
    status: UserStatus


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What someone who registers or sees a credential says of it."""

    name: str
    kind: str
    owner_id: str | None
    issued_at: datetime
    expires_at: datetime | None


class State(StrEnum):
    """Where a credential stands with its expiry."""

    ACTIVE = "active"
    EXPIRING = "expiring"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True)
class Credential:
    """A governed credential: facts about it, never the secret itself."""

    credential_id: str
    name: str
    kind: str
    notes: str
    validity: Validity
    owner_id: str | None
    """Who answers for it or, once `orphaned_at` is set, who did."""
    owned_since: datetime | None
    orphaned_at: datetime | None
    reported_owner_id: str | None
    """The owner that was last named by whoever registers or observes; a repetition of it says nothing new."""
    facts_at: datetime
    """Since when the facts are known; what is older changes nothing."""
    registered_at: datetime
    last_band: ExpiryBand | None = None
    """The most severe band that was announced for this expiry."""

    @property
    def is_orphaned(self) -> bool:
        """Whether its owner is gone and nobody was assigned since."""
        return self.orphaned_at is not None

    @property
    def accountable_id(self) -> str | None:
        """Return who answers for it now."""
        return None if self.is_orphaned else self.owner_id

    @property
    def former_owner_id(self) -> str | None:
        """Return who answered for it before it was orphaned."""
        return self.owner_id if self.is_orphaned else None

    def band(self, at: datetime) -> ExpiryBand | None:
        """Return the band it is in, whether or not it was announced yet."""
        return self.validity.band_at(at)

    def state(self, at: datetime) -> State:
        """Return where it stands with its expiry."""
        match self.band(at):
            case None:
                return State.ACTIVE
            case ExpiryBand.EXPIRED:
                return State.EXPIRED
            case _:
                return State.EXPIRING

    def says_the_same_as(self, other: Credential) -> bool:
        """Say whether what is announced of both is equal."""
        return self._announced == other._announced

    @property
    def _announced(self) -> tuple[object, ...]:
        return self.name, self.kind, self.validity, self.accountable_id

    def orphaned(self, at: datetime) -> Credential:
        """Return it with nobody who answers for it from then on."""
        return replace(self, orphaned_at=at)
