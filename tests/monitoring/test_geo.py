"""Databases of addresses: every layout is understood, a replaced file counts at once, a bad one changes nothing."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from prometheus_client import REGISTRY

from services.monitoring import geo
from services.monitoring.domain.configuration import Surroundings
from services.monitoring.domain.derived import NOWHERE, Derivation, Place
from services.monitoring.geo import GeoDatabases, of_settings
from shared.settings import EnrichmentSettings
from tests.monitoring.builders import fact, sign_in
from tests.waiting import until

NETWORK = "203.0.113.0/24"
ADDRESS = "203.0.113.7"


def a_database(path: Path, *, type_: str = "Test-City", version: int = 6, **records: dict[str, Any]) -> Path:
    """Write a database; the names of records are networks."""
    writer = MMDBWriter(ip_version=version, ipv4_compatible=version == 6, database_type=type_)
    for network, record in records.items():
        assert ip_network(network)
        writer.insert_network(IPSet([network]), record)
    replacement = path.with_suffix(".new")
    writer.to_db_file(str(replacement))
    replacement.replace(path)
    return path


def failed(database: str = "geo") -> float:
    return REGISTRY.get_sample_value("nuxari_geo_database_loads_failed_total", {"database": database}) or 0.0


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {"country": {"iso_code": "DE"}, "location": {"latitude": 52.5, "longitude": 13.4}},
            Place("DE", None, None, 52.5, 13.4),
        ),
        (
            {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Net"},
            Place(None, 64500, "Example Net"),
        ),
        (
            {"country_code": "DE", "country": "Germany", "asn": "AS64500", "as_name": "Example Net"},
            Place("DE", 64500, "Example Net"),
        ),
        ({"country": "DE", "lat": "52.5", "lng": "13.4", "asn": ""}, Place("DE", None, None, 52.5, 13.4)),
        ({"country_code": "DE", "latitude": 52.5, "longitude": 13.4}, Place("DE", None, None, 52.5, 13.4)),
        (
            {
                "country": {"iso_code": "DE"},
                "traits": {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Net"},
            },
            Place("DE", 64500, "Example Net"),
        ),
        ({"asn": "64500", "name": "Example Net", "country": ""}, Place(None, 64500, "Example Net")),
        ({"country": {"iso_code": "ZZ"}, "location": {"latitude": 91.0, "longitude": 0.0}}, NOWHERE),
        ({"location": {"latitude": 1.0}, "asn": "AS0", "name": "nobody"}, NOWHERE),
        ({"country": {"names": {"en": "Germany"}}, "location": "52.5,13.4"}, NOWHERE),
    ],
)
def test_a_record_is_understood_in_every_layout(tmp_path: Path, record: dict[str, Any], expected: Place) -> None:
    databases = GeoDatabases(geo=a_database(tmp_path / "geo.mmdb", **{NETWORK: record}))
    assert databases.lookup(ADDRESS) == expected


def test_two_files_complete_each_other(tmp_path: Path) -> None:
    places = a_database(tmp_path / "geo.mmdb", **{NETWORK: {"country": {"iso_code": "DE"}}})
    record = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example Net"}
    networks = a_database(tmp_path / "asn.mmdb", type_="Test-ASN", **{NETWORK: record})

    databases = of_settings(EnrichmentSettings(geo_database=places, asn_database=networks))

    assert databases.lookup(f"{ADDRESS}:443") == Place("DE", 64500, "Example Net")
    assert [one["type"] for one in databases.described] == ["Test-City", "Test-ASN"]
    assert all(len(one["sha256"]) == 12 and one["built"].endswith("Z") for one in databases.described)


@pytest.mark.parametrize("ip", ["10.0.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "::1", "fd00::1", "fe80::1", "x"])
def test_an_address_that_many_have_is_nowhere_whatever_the_file_says(tmp_path: Path, ip: str) -> None:
    everything = {"0.0.0.0/1": {"country_code": "DE"}, "128.0.0.0/1": {"country_code": "DE"}}
    databases = GeoDatabases(
        geo=a_database(tmp_path / "geo.mmdb", **everything, **{"fc00::/6": {"country_code": "DE"}})
    )
    assert databases.lookup("9.9.9.9").country == "DE"
    assert databases.lookup(ip) == NOWHERE


def test_a_file_of_ipv4_alone_knows_nothing_of_ipv6(tmp_path: Path) -> None:
    databases = GeoDatabases(geo=a_database(tmp_path / "geo.mmdb", version=4, **{NETWORK: {"country_code": "DE"}}))
    assert databases.lookup(ADDRESS).country == "DE"
    assert databases.lookup("2001:db8::1") == NOWHERE
    assert databases.lookup(f"::ffff:{ADDRESS}").country == "DE"


def test_without_a_file_the_country_is_that_of_the_registry() -> None:
    databases = GeoDatabases()
    assert databases.lookup("193.0.6.139") == Place("NL")
    assert databases.lookup("2001:67c:2e8::1").country == "NL"
    assert databases.lookup("203.0.113.7") == NOWHERE
    assert [one["type"] for one in databases.described] == ["registry-country"]


def test_a_file_of_places_leaves_no_word_to_the_registry(tmp_path: Path) -> None:
    databases = GeoDatabases(geo=a_database(tmp_path / "geo.mmdb", **{NETWORK: {"country_code": "DE"}}))
    assert databases.lookup("193.0.6.139") == NOWHERE


def test_a_file_of_networks_alone_leaves_the_country_to_the_registry(tmp_path: Path) -> None:
    record = {"193.0.0.0/21": {"asn": "AS3333", "as_name": "RIPE NCC", "country_code": "CH"}}
    named = GeoDatabases(asn=a_database(tmp_path / "asn.mmdb", **record))
    assert named.lookup("193.0.6.139") == Place("CH", 3333, "RIPE NCC")
    record = {"193.0.0.0/21": {"asn": "AS3333", "as_name": "RIPE NCC"}}
    unnamed = GeoDatabases(asn=a_database(tmp_path / "asn.mmdb", **record))
    assert unnamed.lookup("193.0.6.139") == Place("NL", 3333, "RIPE NCC")


def test_a_replaced_file_counts_at_once_for_derivations_that_exist(tmp_path: Path) -> None:
    path = a_database(tmp_path / "geo.mmdb", **{NETWORK: {"country_code": "DE"}})
    databases = GeoDatabases(geo=path)
    read = Derivation(Surroundings(), databases).reader("origin.country")
    happened = fact(sign_in(0, facts={"ip": ADDRESS}))
    assert read is not None
    assert read(happened) == "DE"
    before = databases.described

    a_database(path, **{NETWORK: {"country_code": "NL"}})
    databases.refresh()

    assert read(happened) == "NL"
    assert databases.described != before


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    databases = GeoDatabases(geo=a_database(tmp_path / "geo.mmdb", **{NETWORK: {"country_code": "DE"}}))
    monkeypatch.setattr(geo, "_opened", lambda _: pytest.fail("it was read again"))
    databases.refresh()
    assert databases.lookup(ADDRESS).country == "DE"


@pytest.mark.parametrize("content", [b"", b"no database", b"\xab\xcd\xefMaxMind.com\xe0"])
def test_a_file_that_cannot_be_read_leaves_the_old_one_and_is_counted_once(tmp_path: Path, content: bytes) -> None:
    path = a_database(tmp_path / "geo.mmdb", **{NETWORK: {"country_code": "DE"}})
    databases = GeoDatabases(geo=path)
    before = failed()

    path.write_bytes(content)
    databases.refresh()
    databases.refresh()

    assert databases.lookup(ADDRESS).country == "DE"
    assert failed() == before + 1

    a_database(path, **{NETWORK: {"country_code": "NL"}})
    databases.refresh()
    assert databases.lookup(ADDRESS).country == "NL"


def test_a_file_that_was_cut_while_it_was_open_does_no_harm(tmp_path: Path) -> None:
    path = a_database(tmp_path / "geo.mmdb", **{NETWORK: {"country_code": "DE"}})
    databases = GeoDatabases(geo=path)
    os.truncate(path, 0)
    assert databases.lookup(ADDRESS).country == "DE"


def test_a_file_that_is_away_counts_as_soon_as_it_is_there(tmp_path: Path) -> None:
    before = failed()
    databases = GeoDatabases(geo=tmp_path / "geo.mmdb")
    assert databases.lookup(ADDRESS) == NOWHERE
    assert databases.lookup("193.0.6.139").country == "NL"
    assert failed() == before + 1

    a_database(tmp_path / "geo.mmdb", **{NETWORK: {"country_code": "DE"}})
    databases.refresh()

    assert databases.lookup(ADDRESS).country == "DE"
    assert databases.lookup("193.0.6.139") == NOWHERE


async def test_a_running_service_looks_at_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geo, "LOOKED_AT_EVERY", timedelta(milliseconds=5))
    path = a_database(tmp_path / "geo.mmdb", **{NETWORK: {"country_code": "DE"}})
    databases = GeoDatabases(geo=path)
    looking = asyncio.create_task(databases.run())
    a_database(path, **{NETWORK: {"country_code": "NL"}})
    try:
        await until(
            lambda: databases.lookup(ADDRESS).country == "NL", within=timedelta(seconds=10), what="the new file counts"
        )
    finally:
        looking.cancel()


@pytest.mark.skipif(sys.platform != "linux", reason="lists the descriptors of the process as Linux shows them")
def test_nothing_is_left_of_the_copies_that_were_read(tmp_path: Path) -> None:
    path = a_database(tmp_path / "geo.mmdb", **{NETWORK: {"country_code": "DE"}})
    databases = GeoDatabases(geo=path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for content in (b"no database", b"none either, and longer"):
        path.write_bytes(content)
        databases.refresh()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_operator_names_the_files_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUXARI_GEO_DATABASE", "/srv/city.mmdb")
    monkeypatch.setenv("NUXARI_ASN_DATABASE", "/srv/asn.mmdb")
    settings = EnrichmentSettings()
    assert (settings.geo_database, settings.asn_database) == (Path("/srv/city.mmdb"), Path("/srv/asn.mmdb"))
