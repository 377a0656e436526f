"""What follows from an event, a tenant's settings and the operator's databases: fields that rules read like others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from services.monitoring.domain.checks import time_of
from services.monitoring.domain.configuration import Surroundings
from services.monitoring.domain.derived.addresses import Networks, address_of
from services.monitoring.domain.derived.agents import Agent, agent_of
from services.monitoring.domain.derived.hours import Hours
from services.monitoring.domain.derived.names import ROOTS
from services.monitoring.domain.derived.places import NO_DATABASES, Databases, Place
from services.monitoring.domain.fields import Read

_CACHED = 8_192
"""Addresses of which a tenant keeps whether they lie in its networks."""

_NOTHING_SET = Surroundings()

_START = datetime(1970, 1, 1, tzinfo=UTC)

_FIELDS: dict[str, type | tuple[type, ...]] = {
    "ip": str,
    "country": str,
    "asn": int,
    "latitude": (int, float),
    "longitude": (int, float),
    "anonymous_proxy": bool,
    "answer_ip": str,
    "answer_country": str,
    "answer_asn": int,
    "user_agent": str,
}
"""Of `data`, and what they must be; the contract sees to that, a foreign event may bring anything."""


class Derivation:
    """The derived fields of one tenant's events; the same for an event as a dictionary and as a fact of the stream."""

    def __init__(self, surroundings: Surroundings = _NOTHING_SET, databases: Databases = NO_DATABASES) -> None:
        """Take a tenant's settings as they are; others need another derivation, other files of the databases do not.

        Raises:
            ValueError: a network or the time zone is none.
        """
        self.surroundings = surroundings
        self.databases = databases
        hours = Hours(surroundings.time_zone, surroundings.working_hours)
        self._readers: dict[str, Read] = {
            **_addresses("origin", "ip"),
            **_addresses("answer", "answer_ip"),
            **self._places(),
            **self._flags(),
            "origin.anonymous": _attribute("anonymous_proxy"),
            **_agents(),
            "calendar.hour_of_week": lambda event: hours.hour_of_week(event.time_ms),
            "calendar.working_hours": lambda event: hours.is_working(event.time_ms),
        }

    def reader(self, name: str) -> Read | None:
        """Return what reads the derived field of a fact, None for a name that is no derived field."""
        return self._readers.get(name)

    def of(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the event, CloudEvents JSON, with what can be derived put in under the roots.

        What an event has itself under the name of a root stays as it is.
        """
        data, at = event.get("data"), time_of(event.get("time"))
        given = _given(data) if isinstance(data, dict) else SimpleNamespace()
        derived = self._roots(given, None if at is None else (at - _START) // timedelta(milliseconds=1))
        return derived | event

    def seen_in(self, fact: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - a fact, or what looks like one
        """Return all that can be derived of a fact, by root, as plain JSON."""
        return self._roots(fact.data, fact.time_ms)

    def _roots(self, data: Any, time_ms: int | None) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - of any type
        event = SimpleNamespace(data=data, time_ms=time_ms)
        found: dict[str, dict[str, Any]] = {root: {} for root in ROOTS}
        for name, read in self._readers.items():
            root, _, field = name.partition(".")
            if (root != "calendar" or time_ms is not None) and (value := read(event)) is not None:
                found[root][field] = value
        return {root: fields for root, fields in found.items() if fields}

    def _places(self) -> dict[str, Read]:
        databases = self.databases
        return {
            "origin.country": _own_or_placed(databases, own="country", ip="ip"),
            "origin.asn": _own_or_placed(databases, own="asn", ip="ip"),
            "origin.as_org": _as_org(databases),
            "origin.latitude": _coordinate(databases, "latitude"),
            "origin.longitude": _coordinate(databases, "longitude"),
            "answer.country": _own_or_placed(databases, own="answer_country", ip="answer_ip"),
            "answer.asn": _own_or_placed(databases, own="answer_asn", ip="answer_ip"),
        }

    def _flags(self) -> dict[str, Read]:
        said = self.surroundings
        return {
            "origin.trusted": _within(said.trusted_networks),
            "origin.vpn": _within(said.vpn_networks),
            "origin.mobile": _within(said.mobile_networks),
        }


def _given(data: dict[str, Any]) -> SimpleNamespace:
    """Return what of the data is read, where it is of its type."""
    given = SimpleNamespace()
    for name, kind in _FIELDS.items():
        value = data.get(name)
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            setattr(given, name, value)
    return given


def _attribute(name: str) -> Read:
    return lambda event: getattr(event.data, name, None)


def _addresses(root: str, field: str) -> dict[str, Read]:
    def normalised(event: Any) -> str | None:  # noqa: ANN401 - an event
        text = getattr(event.data, field, None)
        return None if text is None or (address := address_of(text)) is None else address.text

    def prefix(event: Any) -> str | None:  # noqa: ANN401 - an event
        text = getattr(event.data, field, None)
        return None if text is None or (address := address_of(text)) is None else address.prefix

    return {f"{root}.ip": normalised, f"{root}.prefix": prefix}


def _own_or_placed(databases: Databases, *, own: str, ip: str) -> Read:
    """Return what reads the event's own word, else the database's of the address."""
    place = Place._fields.index(own.removeprefix("answer_"))

    def read(event: Any) -> Any:  # noqa: ANN401 - text or a number
        data = event.data
        said = getattr(data, own, None)
        if said is not None:
            return said
        text = getattr(data, ip, None)
        return None if text is None else databases.lookup(text)[place]

    return read


def _as_org(databases: Databases) -> Read:
    """Return what reads who runs the system; the database's name is of no use for a system that it does not mean."""

    def read(event: Any) -> str | None:  # noqa: ANN401 - an event
        text = getattr(event.data, "ip", None)
        if text is None:
            return None
        place, said = databases.lookup(text), getattr(event.data, "asn", None)
        return place.as_org if said is None or said == place.asn else None

    return read


def _coordinate(databases: Databases, name: str) -> Read:
    """Return what reads one coordinate: both are the event's or both the database's, if that means the same country."""

    def read(event: Any) -> float | None:  # noqa: ANN401 - an event
        data = event.data
        if getattr(data, "latitude", None) is not None and getattr(data, "longitude", None) is not None:
            return float(getattr(data, name))
        text = getattr(data, "ip", None)
        if text is None:
            return None
        place, said = databases.lookup(text), getattr(data, "country", None)
        return getattr(place, name) if said is None or place.country in {None, said} else None

    return read


def _within(blocks: tuple[str, ...]) -> Read:
    """Return what says whether the address lies in one of the networks; None without an address."""
    networks = Networks(blocks)

    @lru_cache(maxsize=_CACHED)
    def lies_in(text: str) -> bool | None:
        address = address_of(text)
        return None if address is None else address in networks

    def read(event: Any) -> bool | None:  # noqa: ANN401 - an event
        text = getattr(event.data, "ip", None)
        return None if text is None else lies_in(text)

    return read


def _agents() -> dict[str, Read]:
    return {f"agent.{name}": _of_agent(place) for place, name in enumerate(Agent._fields)}


def _of_agent(place: int) -> Read:
    def read(event: Any) -> str | None:  # noqa: ANN401 - an event
        text = getattr(event.data, "user_agent", None)
        return None if text is None or (agent := agent_of(text)) is None else agent[place]

    return read
