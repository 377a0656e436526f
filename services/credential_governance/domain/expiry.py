"""How near the end is: bands scaled to the lifetime, for a day's certificate as for a year's key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class ExpiryBand(StrEnum):
    """How near the expiry is; `expired` is at and after it."""

    WARNING = "warning"
    HIGH = "high"
    CRITICAL = "critical"
    EXPIRED = "expired"

    @property
    def severity(self) -> int:
        """Return its rank: the higher, the nearer the expiry."""
        return _SEVERITY[self]


_SEVERITY = {band: rank for rank, band in enumerate(ExpiryBand, start=1)}


@dataclass(frozen=True)
class Lead:
    """How long before the expiry a band begins: `min(longest, lifetime / share)`."""

    longest: timedelta
    share: int

    def of(self, lifetime: timedelta) -> timedelta:
        """Return it for one lifetime, rounded down to the microsecond."""
        return min(self.longest, lifetime // self.share)


LEADS: Mapping[ExpiryBand, Lead] = {
    ExpiryBand.WARNING: Lead(timedelta(days=30), 3),
    ExpiryBand.HIGH: Lead(timedelta(days=14), 6),
    ExpiryBand.CRITICAL: Lead(timedelta(days=7), 12),
}
"""`NUXARI.md`, "expiry bands": 30, 14 and 7 days from 90 days of life on; 8, 4 and 2 hours for a day's certificate."""


@dataclass(frozen=True)
class Validity:
    """From when to when a credential is valid; None: it does not expire by itself."""

    issued_at: datetime
    expires_at: datetime | None

    @property
    def lifetime(self) -> timedelta | None:
        """Return how long it is valid; zero where a source reports an end before the beginning."""
        if self.expires_at is None:
            return None
        return max(self.expires_at - self.issued_at, timedelta(0))

    def band_at(self, at: datetime) -> ExpiryBand | None:
        """Return the most severe band that has begun at that moment."""
        begun = [band for band, start in self.band_starts().items() if start <= at]
        return max(begun, key=lambda band: band.severity, default=None)

    def band_starts(self) -> dict[ExpiryBand, datetime]:
        """Return when each band begins; nothing if it does not expire."""
        if self.expires_at is None or self.lifetime is None:
            return {}
        starts = {band: self.expires_at - lead.of(self.lifetime) for band, lead in LEADS.items()}
        return starts | {ExpiryBand.EXPIRED: self.expires_at}

    def next_start(self, *, beyond: ExpiryBand | None) -> datetime | None:
        """Return when the first band more severe than that begins, be it past or future; None if there is none."""
        rank = beyond.severity if beyond is not None else 0
        return min((s for band, s in self.band_starts().items() if band.severity > rank), default=None)
