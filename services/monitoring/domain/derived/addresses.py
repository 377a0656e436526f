"""Network addresses as sources write them: read once, in one form, with the network around them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import NamedTuple

_LONGEST = 64
"""Characters: an IPv6 address has 45 at most, with brackets, zone and port some more."""

_CACHED = 65_536
"""Addresses that are read once; some 30 MB if all are different."""

_MAPPED = IPv6Network("::ffff:0:0/96")
"""IPv4 addresses in IPv6's clothes (RFC 4291, section 2.5.5.2)."""

_IPV4, _IPV6 = 4, 6

_BELOW_48 = 80
"""Bits of an IPv6 address that are not of its /48."""


class Address(NamedTuple):
    """One address."""

    text: str
    """In its usual form (RFC 5952); IPv4 also where it came as IPv4-mapped IPv6."""
    prefix: str
    """Its /24 (IPv4) or /48 (IPv6)."""
    version: int
    number: int
    is_public: bool
    """Whether it may belong to a place. Documentation addresses (RFC 5737, RFC 3849) count as public."""


@lru_cache(maxsize=_CACHED)
def address_of(text: str) -> Address | None:
    """Return the address that the text says, None if it says none.

    A port (`203.0.113.5:443`, `[2001:db8::1]:443`), brackets and an IPv6 zone are left out.
    """
    if len(text) > _LONGEST:
        return None
    try:
        address = ip_address(_bare(text.strip()))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    address = mapped or address
    return Address(
        text=str(address),
        prefix=_prefix(address),
        version=address.version,
        number=int(address),
        is_public=not _NOWHERE.hold(address.version, int(address)),
    )


def _bare(text: str) -> int | str:
    """Return the text without port, brackets and zone."""
    if text.startswith("["):
        text, closing, rest = text[1:].partition("]")
        if not closing or (rest and not _is_port(rest)):
            return ""
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not _is_port(f":{port}"):
            return ""
    return text.partition("%")[0]


def _is_port(text: str) -> bool:
    return text[:1] == ":" and text[1:].isascii() and text[1:].isdigit()


def _prefix(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return f"{str(address).rpartition('.')[0]}.0/24"
    return f"{IPv6Address(int(address) >> _BELOW_48 << _BELOW_48)}/48"


class Networks:
    """A set of networks that knows at once whether an address lies in one of them, however many they are."""

    def __init__(self, blocks: Iterable[str]) -> None:
        """Compile CIDR blocks, of IPv4 and IPv6; host bits are ignored.

        Raises:
            ValueError: one of them is no CIDR block.
        """
        networks = [_network(block) for block in blocks]
        self._spans = {
            _IPV4: _Spans(collapse_addresses(one for one in networks if isinstance(one, IPv4Network))),
            _IPV6: _Spans(collapse_addresses(one for one in networks if isinstance(one, IPv6Network))),
        }

    def __contains__(self, address: Address) -> bool:
        return self.hold(address.version, address.number)

    def hold(self, version: int, number: int) -> bool:
        """Say whether an address, as a number, lies in one of them."""
        return self._spans[version].hold(number)


class _Spans:
    """Sorted stretches of numbers that do not touch each other."""

    def __init__(self, networks: Iterator[IPv4Network] | Iterator[IPv6Network]) -> None:
        bounds = [(int(one.network_address), int(one.broadcast_address)) for one in networks]
        self._first = [first for first, _ in bounds]
        self._last = [last for _, last in bounds]

    def hold(self, number: int) -> bool:
        place = bisect_right(self._first, number)
        return place > 0 and number <= self._last[place - 1]


def _network(block: str) -> IPv4Network | IPv6Network:
    network = ip_network(block.strip(), strict=False)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFF_FFFF, network.prefixlen - _MAPPED.prefixlen))
    return network


_NOWHERE = Networks(
    (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/3",
        "::/127",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
    )
)
"""Addresses that many have at the same time, or nobody: private, shared, loopback, link-local, benchmarking, multicast,
reserved (IANA special-purpose registries). No database knows where they are."""
