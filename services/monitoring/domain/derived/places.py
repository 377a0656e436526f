"""Where addresses are and whose: what a database is asked, whatever kind of file it is."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Place(NamedTuple):
    """What a database says of an address; None where it does not say."""

    country: str | None = None
    """ISO 3166-1 alpha-2."""
    asn: int | None = None
    as_org: str | None = None
    """Who runs the autonomous system."""
    latitude: float | None = None
    """Degrees north; never without `longitude`."""
    longitude: float | None = None
    """Degrees east."""


NOWHERE = Place()
"""Nothing is known of the address."""


class Databases(Protocol):
    """The operator's databases of addresses."""

    def lookup(self, ip: str, /) -> Place:
        """Return what is known of the address, `NOWHERE` for text that is no public address.

        Called for every event: whoever implements it caches, and forgets that with the file that it came from.
        """

    @property
    def described(self) -> tuple[dict[str, str], ...]:
        """Which databases these are (type, when they were built, hash), for alerts that rest on them."""


class _NoDatabases:
    """Knows nothing."""

    described: tuple[dict[str, str], ...] = ()

    def lookup(self, _: str, /) -> Place:
        return NOWHERE


NO_DATABASES: Databases = _NoDatabases()
"""For whoever has none: places are those that events give themselves."""
