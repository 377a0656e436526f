"""The operator's databases of addresses, as files: opened, understood, and read anew when they were replaced."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, NamedTuple

import maxminddb
import structlog
from iptocc import country_code
from maxminddb.reader import Reader
from prometheus_client import Counter, Gauge

from services.monitoring.domain.derived.addresses import address_of
from services.monitoring.domain.derived.places import NOWHERE, Place
from shared.settings import EnrichmentSettings

LOOKED_AT_EVERY = timedelta(minutes=1)
"""How soon a replaced file counts."""

LOADS_FAILED = Counter(
    "nuxari_geo_database_loads_failed", "Times a database of addresses could not be read.", ["database"]
)
BUILT = Gauge("nuxari_geo_database_built_seconds", "When the database in use was built, in Unix time.", ["database"])

_CACHED = 65_536
"""Addresses of which the answer is kept, with the files that gave it."""

_COUNTRY = re.compile(r"[A-Z]{2}")
_UNKNOWN = frozenset({"ZZ", "XX"})
"""What some databases write where they do not know the country."""

_ASN = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)
_MOST_ASN = 4_294_967_295

_log = structlog.get_logger(__name__)


class _File(NamedTuple):
    """One opened database."""

    reader: Reader
    described: dict[str, str]
    built: float


class GeoDatabases:
    """Up to two MMDB files: one of places, one of networks; each may say what the other leaves out.

    Without a file of places the country is that of the registry which gave out the address. A file that cannot be
    read is counted and logged, and what was there before stays.
    """

    lookup: Callable[[str], Place]
    """See `Databases.lookup`; replaced together with what it has cached."""
    described: tuple[dict[str, str], ...]

    def __init__(self, *, geo: Path | None = None, asn: Path | None = None) -> None:
        """Open what is named."""
        self._paths = {name: path for name, path in (("geo", geo), ("asn", asn)) if path is not None}
        self._seen: dict[str, tuple[int, ...] | None] = {}
        self._files: dict[str, _File] = {}
        self._use({})
        self.refresh()

    def refresh(self) -> None:
        """Read again what was replaced since it was looked at last; then it counts for every event from now on."""
        read = {name: file for name, path in self._paths.items() if (file := self._read(name, path)) is not None}
        if read:
            self._use(self._files | read)

    async def run(self) -> None:
        """Look at the files once a minute, for as long as the service runs."""
        while True:
            await asyncio.sleep(LOOKED_AT_EVERY.total_seconds())
            await asyncio.to_thread(self.refresh)

    def _read(self, name: str, path: Path) -> _File | None:
        """Return the file if it is another than before and can be read."""
        try:
            state = _state(path)
            if name in self._seen and self._seen[name] == state:
                return None
            self._seen[name] = state
            file = _opened(path)
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            self._complain(name, path, error)
            return None
        BUILT.labels(name).set(file.built)
        _log.info("geo.loaded", database=name, path=str(path), **file.described)
        return file

    def _complain(self, name: str, path: Path, error: Exception) -> None:
        """Count it; a file that is away is logged once."""
        LOADS_FAILED.labels(name).inc()
        if isinstance(error, OSError) and name in self._seen and self._seen[name] is None:
            return
        if isinstance(error, OSError):
            self._seen[name] = None
        _log.error("geo.unreadable", database=name, path=str(path), why=type(error).__name__)

    def _use(self, files: dict[str, _File]) -> None:
        """Let the files count, all at once."""
        readers = [files[name].reader for name in ("geo", "asn") if name in files]
        of_registries = () if "geo" in files else (_registries(),)
        self._files = files
        self.described = (*(file.described for file in files.values()), *of_registries)
        self.lookup = _lookup(readers, fallback=_country_of_registry if of_registries else _nothing)


def of_settings(settings: EnrichmentSettings) -> GeoDatabases:
    """Return the databases that the operator named."""
    return GeoDatabases(geo=settings.geo_database, asn=settings.asn_database)


def _lookup(readers: list[Reader], *, fallback: Callable[[str], Place]) -> Callable[[str], Place]:
    """Return what asks the files in their order, and keeps the answers."""

    @lru_cache(maxsize=_CACHED)
    def place_of(text: str) -> Place:
        address = address_of(text)
        if address is None or not address.is_public:
            return NOWHERE
        found = NOWHERE
        for reader in readers:
            found = _filled(found, _place(_record(reader, address.text)))
        return _filled(found, fallback(address.text))

    return place_of


def _filled(place: Place, other: Place) -> Place:
    """Return the place with what only the other knows; a pair of coordinates and a network with its name stay whole."""
    if place.asn is None:
        place = place._replace(asn=other.asn, as_org=other.as_org)
    if place.latitude is None and (place.country is None or other.country in {None, place.country}):
        place = place._replace(latitude=other.latitude, longitude=other.longitude)
    return place if place.country is not None else place._replace(country=other.country)


def _record(reader: Reader, ip: str) -> dict[str, Any]:
    """Return what the file has of the address; nothing of IPv6 where the file is of IPv4 alone, or broken there."""
    try:
        record = reader.get(ip)
    except (ValueError, maxminddb.InvalidDatabaseError):
        return {}
    return record if isinstance(record, dict) else {}


def _place(record: dict[str, Any]) -> Place:
    """Return what a record says, in the layouts of MaxMind and DB-IP (nested) and of ipinfo and others (flat)."""
    traits = _nested(record, "traits")
    asn = _first_asn(record.get("autonomous_system_number"), record.get("asn"), traits.get("autonomous_system_number"))
    latitude, longitude = _coordinates(record)
    organizations = ("autonomous_system_organization", "as_name", "as_org", "name")
    return Place(
        country=_country(_nested(record, "country").get("iso_code"), record.get("country_code"), record.get("country")),
        asn=asn,
        as_org=None if asn is None else _text(*map(record.get, organizations), traits.get(organizations[0])),
        latitude=latitude,
        longitude=longitude,
    )


def _nested(record: dict[str, Any], name: str) -> dict[str, Any]:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _country(*candidates: object) -> str | None:
    known = (one for one in candidates if isinstance(one, str) and _COUNTRY.fullmatch(one) and one not in _UNKNOWN)
    return next(known, None)


def _text(*candidates: object) -> str | None:
    return next((one[:256] for one in candidates if isinstance(one, str) and one), None)


def _first_asn(*candidates: object) -> int | None:
    for one in candidates:
        found = _ASN.fullmatch(str(one)) if isinstance(one, int | str) and not isinstance(one, bool) else None
        if found and 0 < int(found[1]) <= _MOST_ASN:
            return int(found[1])
    return None


def _coordinates(record: dict[str, Any]) -> tuple[float, float] | tuple[None, None]:
    """Return degrees north and east, None for both if one is missing or none."""
    location = _nested(record, "location") or record
    try:
        latitude = float(location["latitude"] if "latitude" in location else location["lat"])
        longitude = float(location["longitude"] if "longitude" in location else location["lng"])
    except (KeyError, TypeError, ValueError):
        return None, None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else (None, None)  # noqa: PLR2004


def _state(path: Path) -> tuple[int, ...]:
    """Return what is another once the file was replaced or written to."""
    at = path.stat()
    return at.st_mtime_ns, at.st_size, at.st_ino, at.st_dev


def _opened(path: Path) -> _File:
    """Open a copy of the file, which nobody can cut short while it is mapped into memory.

    Raises:
        OSError, ValueError, InvalidDatabaseError: it cannot be read, or is no such database.
    """
    with _copy(path) as (copy, digest):
        reader = maxminddb.open_database(copy)
    about = reader.metadata()
    described = {
        "type": about.database_type[:64],
        "built": datetime.fromtimestamp(about.build_epoch, UTC).isoformat().replace("+00:00", "Z"),
        "sha256": digest[:12],
    }
    return _File(reader, described, about.build_epoch)


@contextmanager
def _copy(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the name of a copy that is in no directory, and the hash of what is in it."""
    digest = hashlib.sha256()
    with _nameless() as copy, path.open("rb") as source:
        while part := source.read(1 << 20):
            digest.update(part)
            copy.write(part)
        copy.flush()
        yield f"/dev/fd/{copy.fileno()}", digest.hexdigest()


def _nameless() -> IO[bytes]:
    """Return a file that ends with whoever has it open: in memory where that is to be had, as `/tmp` may be small."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("mmdb", os.MFD_CLOEXEC), "w+b")
    return tempfile.TemporaryFile()


def _country_of_registry(ip: str) -> Place:
    return Place(country=_country(country_code(ip)))


def _nothing(_: str) -> Place:
    return NOWHERE


@cache
def _registries() -> dict[str, str]:
    """Return which data it is: a new version of the package is made for every change of the data."""
    return {"type": "registry-country", "version": f"iptocc {version('iptocc')}"}
