"""The derived fields by name: what rules may ask of an event beside what it brings, and what each of them says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

Kind = Literal["text", "number", "boolean"]


class Field(NamedTuple):
    """One derived field."""

    kind: Kind
    says: str
    """In one line; a field whose answer is unknown is missing."""


FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "origin.ip": Field("text", "the address of `data.ip` in its usual form, without port and brackets"),
        "origin.prefix": Field("text", "the network around it: /24 of IPv4, /48 of IPv6"),
        "origin.country": Field("text", "`data.country`, else the country of the address (ISO 3166-1 alpha-2)"),
        "origin.asn": Field("number", "`data.asn`, else the autonomous system of the address"),
        "origin.as_org": Field("text", "who runs that autonomous system, by the database"),
        "origin.latitude": Field("number", "degrees north: the event's if it gives both, else of the address"),
        "origin.longitude": Field("number", "degrees east: the event's if it gives both, else of the address"),
        "origin.trusted": Field("boolean", "whether the address lies in a network that the tenant calls trusted"),
        "origin.vpn": Field("boolean", "whether the address lies in a network of the tenant's VPN"),
        "origin.mobile": Field("boolean", "whether the address lies in a network that the tenant calls mobile"),
        "origin.anonymous": Field("boolean", "`data.anonymous_proxy`: whether a proxy hides who is behind it"),
        "answer.ip": Field("text", "the address of `data.answer_ip` in its usual form"),
        "answer.prefix": Field("text", "the network around it: /24 of IPv4, /48 of IPv6"),
        "answer.country": Field("text", "`data.answer_country`, else the country of that address"),
        "answer.asn": Field("number", "`data.answer_asn`, else the autonomous system of that address"),
        "agent.browser": Field("text", "the family of the program in `data.user_agent`, such as Chrome or curl"),
        "agent.os": Field("text", "the family of its operating system, such as Windows"),
        "agent.device": Field("text", "the family of the device, such as iPhone"),
        "agent.kind": Field("text", "browser, script, app or other"),
        "agent.name": Field("text", "program and operating system, such as Chrome on Windows; no versions"),
        "calendar.hour_of_week": Field("text", "0 to 167 by the tenant's clock; 0 is Monday from 00:00 to 00:59"),
        "calendar.working_hours": Field("boolean", "whether it happened in the tenant's working hours"),
    }
)

ROOTS = ("origin", "answer", "agent", "calendar")
"""What the names begin with: the keys that are put into an event."""
