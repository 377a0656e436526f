"""Derived fields: what they say, when they say nothing, and that events and facts agree."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nuxari_events.topics import BY_EVENT_TYPE

from services.monitoring.decode import decode
from services.monitoring.domain.configuration import Surroundings, WorkingHours
from services.monitoring.domain.derived import FIELDS, NOWHERE, ROOTS, Derivation, Place
from services.monitoring.domain.derived.addresses import address_of
from services.monitoring.domain.fact_layout import Facts
from services.monitoring.domain.fields import reader
from tests.monitoring.builders import fact, sign_in

EXAMPLES = sorted(Path("schemas/examples").glob("*.json"))
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
BERLIN = Place("DE", 64500, "Example Net", 52.5, 13.4)


class Known:
    """A database that knows one network."""

    described = ({"type": "Test", "built": "2026-11-01T00:00:00Z", "sha256": "0" * 12},)

    def lookup(self, ip: str, /) -> Place:
        address = address_of(ip)
        return BERLIN if address is not None and address.prefix == "203.0.113.0/24" else NOWHERE


def an_event(**data: Any) -> dict[str, Any]:
    return {"type": "x", "time": "2026-03-02T09:00:00Z", "data": data}


def derived(name: str, event: dict[str, Any], **surroundings: Any) -> Any:
    return reader(name)(Derivation(Surroundings(**surroundings), Known()).of(event))


@pytest.mark.parametrize(
    ("written", "meant", "prefix"),
    [
        ("203.0.113.5", "203.0.113.5", "203.0.113.0/24"),
        (" 203.0.113.5:443 ", "203.0.113.5", "203.0.113.0/24"),
        ("::ffff:203.0.113.5", "203.0.113.5", "203.0.113.0/24"),
        ("[::ffff:203.0.113.5]:443", "203.0.113.5", "203.0.113.0/24"),
        ("2001:DB8:1:2::0:9", "2001:db8:1:2::9", "2001:db8:1::/48"),
        ("[2001:db8::1]", "2001:db8::1", "2001:db8::/48"),
        ("[2001:db8::1]:8443", "2001:db8::1", "2001:db8::/48"),
        ("fe80::1%eth0", "fe80::1", "fe80::/48"),
        ("10.1.2.3", "10.1.2.3", "10.1.2.0/24"),
    ],
)
def test_an_address_has_one_form_however_it_is_written(written: str, meant: str, prefix: str) -> None:
    event = an_event(ip=written)
    assert derived("origin.ip", event) == meant
    assert derived("origin.prefix", event) == prefix


@pytest.mark.parametrize(
    "text",
    ["", "-", "unknown", "203.0.113.256", "203.0.113.5:", "203.0.113.5:http", "[2001:db8::1", "[::1]x", "1" * 99],
)
def test_what_is_no_address_has_neither_place_nor_network(text: str) -> None:
    found = Derivation(Surroundings(trusted_networks=("0.0.0.0/0",)), Known()).of(an_event(ip=text))
    assert "origin" not in found


def test_the_place_is_the_databases_where_the_event_does_not_say() -> None:
    found = Derivation(Surroundings(), Known()).of(an_event(ip="203.0.113.9"))["origin"]
    assert found["country"] == "DE"
    assert (found["asn"], found["as_org"]) == (64500, "Example Net")
    assert (found["latitude"], found["longitude"]) == (52.5, 13.4)


def test_the_events_own_word_wins_over_the_database() -> None:
    event = an_event(ip="203.0.113.9", country="NL", asn=64496, latitude=52.3, longitude=4.9)
    found = Derivation(Surroundings(), Known()).of(event)["origin"]
    assert (found["country"], found["asn"], found["latitude"], found["longitude"]) == ("NL", 64496, 52.3, 4.9)
    assert "as_org" not in found


def test_the_database_places_no_address_in_a_country_that_the_event_contradicts() -> None:
    assert "latitude" not in Derivation(Surroundings(), Known()).of(an_event(ip="203.0.113.9", country="NL"))["origin"]
    assert derived("origin.latitude", an_event(ip="203.0.113.9", country="DE")) == 52.5


def test_half_a_pair_of_coordinates_is_not_mixed_with_the_databases_other_half() -> None:
    found = Derivation(Surroundings(), Known()).of(an_event(ip="203.0.113.9", latitude=1.0))["origin"]
    assert (found["latitude"], found["longitude"]) == (52.5, 13.4)


def test_an_answers_place_is_that_of_its_own_address() -> None:
    event = an_event(ip="198.51.100.1", answer_ip="203.0.113.9", answer_asn=64511)
    found = Derivation(Surroundings(), Known()).of(event)
    assert found["answer"] == {"ip": "203.0.113.9", "prefix": "203.0.113.0/24", "country": "DE", "asn": 64511}
    assert "country" not in found["origin"]


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("198.51.100.7", True),
        ("198.51.100.128", False),
        ("::ffff:198.51.100.7", True),
        ("2001:db8:5::1", True),
        ("2001:db9::1", False),
        ("10.0.0.1:1234", True),
    ],
)
def test_an_address_is_in_the_tenants_networks_or_not(ip: str, *, expected: bool) -> None:
    networks = ("198.51.100.0/25", "2001:db8::/32", "::ffff:10.0.0.0/104", "198.51.100.0/26")
    for name in ("trusted", "vpn", "mobile"):
        assert derived(f"origin.{name}", an_event(ip=ip), **{f"{name}_networks": networks}) is expected
        assert derived(f"origin.{name}", an_event(ip=ip)) is False
        assert derived(f"origin.{name}", an_event(), **{f"{name}_networks": networks}) is None


@given(
    st.lists(st.ip_addresses(v=4).flatmap(lambda ip: st.integers(0, 32).map(lambda bits: f"{ip}/{bits}")), max_size=40),
    st.ip_addresses(v=4),
)
def test_many_networks_together_say_what_each_of_them_says(blocks: list[str], ip: IPv4Address) -> None:
    expected = any(ip in ip_network(block, strict=False) for block in blocks)
    assert derived("origin.vpn", an_event(ip=str(ip)), vpn_networks=tuple(blocks)) is expected


@pytest.mark.parametrize("wrong", [{"time_zone": "Europe/Nowhere"}, {"time_zone": "../etc"}, {"vpn_networks": ("x",)}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no time zone|does not appear"):
        Derivation(Surroundings(**wrong))


def test_what_a_foreign_event_has_under_a_name_of_ours_stays() -> None:
    event = {"data": {"ip": "203.0.113.9", "user_agent": FIREFOX}, "agent": {"name": "filebeat"}, "origin": None}
    found = Derivation(Surroundings(), Known()).of(event)
    assert found == event


def test_values_of_foreign_types_are_no_facts() -> None:
    event = an_event(ip=5, country=["DE"], asn=True, latitude="1", longitude=2, user_agent={}, anonymous_proxy="yes")
    assert Derivation(Surroundings(), Known()).of(event).keys() == event.keys() | {"calendar"}


@pytest.mark.parametrize("event", [{}, {"data": None}, {"data": [], "time": "soon"}, {"data": "text", "time": 5e30}])
def test_an_event_of_which_nothing_follows_is_left_as_it_is(event: dict[str, Any]) -> None:
    assert Derivation().of(event) == event


def test_the_hour_of_the_week_is_the_tenants() -> None:
    monday = an_event() | {"time": "2026-03-02T23:30:00Z"}
    assert derived("calendar.hour_of_week", monday) == "23"
    assert derived("calendar.hour_of_week", monday, time_zone="Europe/Berlin") == "24"
    assert derived("calendar.hour_of_week", monday, time_zone="Asia/Kathmandu") == "29"
    assert derived("calendar.hour_of_week", monday | {"time": "2026-03-01T23:59:59Z"}) == "167"


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-03-02T06:59:59.999Z", False),
        ("2026-03-02T07:00:00Z", True),
        ("2026-03-02T16:59:59.999Z", True),
        ("2026-03-02T17:00:00Z", False),
        ("2026-03-01T12:00:00Z", False),
        ("2026-06-01T06:00:00Z", True),
    ],
)
def test_working_hours_are_by_the_clock_on_the_wall(time: str, *, expected: bool) -> None:
    event = an_event() | {"time": time}
    assert derived("calendar.working_hours", event, time_zone="Europe/Berlin") is expected


def test_a_night_shift_goes_on_until_the_morning_after_its_last_day() -> None:
    shift = WorkingHours(days=(4,), begin=timedelta(hours=22), end=timedelta(hours=6))
    friday_night, saturday, saturday_night, friday_morning = (
        derived("calendar.working_hours", an_event() | {"time": time}, working_hours=shift)
        for time in ("2026-03-06T23:00:00Z", "2026-03-07T05:59:59Z", "2026-03-07T23:00:00Z", "2026-03-06T05:00:00Z")
    )
    assert (friday_night, saturday, saturday_night, friday_morning) == (True, True, False, False)


@given(
    st.datetimes(datetime(1890, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
    st.sampled_from(
        ["UTC", "Europe/Amsterdam", "America/St_Johns", "Asia/Kathmandu", "Africa/Monrovia", "Pacific/Apia"]
    ),
)
def test_the_clock_on_the_wall_is_the_zones_at_every_time(at: datetime, zone: str) -> None:
    there = at.replace(microsecond=at.microsecond // 1000 * 1000).astimezone(ZoneInfo(zone))
    found = derived("calendar.hour_of_week", an_event() | {"time": at.isoformat()}, time_zone=zone)
    assert found == str(there.weekday() * 24 + there.hour)


def test_the_fields_are_exactly_those_that_are_documented() -> None:
    derivation = Derivation(Surroundings(), Known())
    event = an_event(ip="203.0.113.9", answer_ip="203.0.113.9", anonymous_proxy=False, user_agent=IPHONE)
    found = derivation.of(event)
    read = {f"{root}.{name}" for root in ("origin", "answer", "agent", "calendar") for name in found[root]}
    assert read == FIELDS.keys()
    assert all(derivation.reader(name) for name in FIELDS)
    kinds = {"text": str, "number": (int, float), "boolean": bool}
    for name, field in FIELDS.items():
        assert isinstance(reader(name)(found), kinds[field.kind]), name
    assert derivation.reader("origin.nothing") is None


def test_the_page_says_of_every_field_what_the_code_says() -> None:
    page = Path("docs/enrichment.md").read_text()
    told = [line for line in page.splitlines() if line.startswith(tuple(f"| `{root}." for root in ROOTS))]
    assert told == [f"| `{name}` | {field.kind} | {field.says} |" for name, field in FIELDS.items()]


IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 "
    "Mobile/15E148 Safari/604.1"
)

addresses = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from(["203.0.113.7", "203.0.113.8:80", "[::ffff:203.0.113.9]:1", "2001:db8::7", "10.0.0.1", "nonsense"]),
)
optional_data = st.fixed_dictionaries(
    {},
    optional={
        "ip": addresses,
        "country": st.sampled_from(["DE", "NL"]),
        "asn": st.sampled_from([0, 64500, 64496]),
        "latitude": st.floats(-90, 90),
        "longitude": st.integers(-180, 180),
        "anonymous_proxy": st.booleans(),
        "user_agent": st.sampled_from([FIREFOX, IPHONE, "curl/8.13.0", "", "vault-cli/1.19"]),
        "answer_ip": addresses,
        "answer_country": st.just("FR"),
        "answer_asn": st.just(64511),
    },
)
SETTINGS = Surroundings(
    trusted_networks=("203.0.113.0/29",), vpn_networks=("2001:db8::/32",), time_zone="America/St_Johns"
)


@given(st.sampled_from(EXAMPLES), optional_data, st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001
def test_an_event_and_its_fact_have_the_same_derived_fields(path: Path, data: dict[str, Any], time: datetime) -> None:
    event = json.loads(path.read_text())
    event["data"] |= data
    event["time"] = time.isoformat(timespec="milliseconds") + "Z"
    derivation = Derivation(SETTINGS, Known())

    topic = BY_EVENT_TYPE[event["type"]].name
    found = decode(topic, value=json.dumps(event).encode(), headers=(), partition=0, offset=0, ingested_ms=0)

    assert found is not None
    event["data"] = {name: value for name, value in event["data"].items() if hasattr(found.data, name)}
    as_event, facts = derivation.of(event), Facts(derivation.reader)
    for name in FIELDS:
        assert facts.reader(name)(found) == reader(name)(as_event), name


def test_a_fact_is_seen_whole_by_root() -> None:
    found = Derivation(Surroundings(), Known()).seen_in(fact(sign_in(0, facts={"ip": "203.0.113.7"})))
    assert found["origin"]["country"] == "DE"
    assert found["calendar"] == {"hour_of_week": "12", "working_hours": True}


def test_another_answer_of_the_databases_counts_at_once() -> None:
    databases = SimpleNamespace(lookup=lambda _: NOWHERE, described=())
    read = Derivation(Surroundings(), databases).reader("origin.country")
    happened = fact(sign_in(0, facts={"ip": "203.0.113.7"}))
    assert read is not None
    assert read(happened) is None

    databases.lookup = lambda _: BERLIN

    assert read(happened) == "DE"
