"""Where requests may go: after this, an address that a tenant names cannot lead into the operator's own network.

A name is resolved once, every address it has is judged, and the connection is made to one of these: a name that
answers differently the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""`(host, port)`: the addresses of a host; raises OSError where there are none."""

LONGEST_URL = 2048

_TUNNELS = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")))
"""IPv6 addresses that stand for an IPv4 address, which a gateway would reach in our place."""


class ForbiddenAddressError(Exception):
    """The address is none that this service sends to; the text says why and does not name it."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """The addresses that requests may go to: public ones, and what the operator allows."""

    allowed: tuple[Network, ...] = ()
    resolve: Resolve | None = None
    """None: the system's resolver."""

    async def addresses(self, host: str, port: int, *, plain: bool) -> list[Address]:
        """Return the addresses of the host.

        Args:
            host: a name or an address.
            port: to be reached there.
            plain: without TLS, which only loopback is trusted with.

        Raises:
            ForbiddenAddressError: one of them may not be reached.
            OSError: it has none.
        """
        found = [_unmapped(text) for text in await (self.resolve or _resolved)(host, port)]
        if not found:
            raise OSError("the name has no address")
        if not all(map(self._may_be_reached, found)):
            raise ForbiddenAddressError("the host is not public, and the operator does not allow its network")
        if plain and not all(address.is_loopback for address in found):
            raise ForbiddenAddressError("without TLS only loopback is reached")
        return found

    async def check(self, text: str) -> str:
        """Return the URL of a webhook in its usual form.

        A name that cannot be resolved now is taken: it may be known later, and is judged at each request.

        Raises:
            ForbiddenAddressError: it is no URL that a webhook may have.
        """
        url = parsed(text)
        try:
            await self.addresses(url.host, port_of(url), plain=url.scheme == "http")
        except OSError:
            if url.scheme == "http":
                raise ForbiddenAddressError("without TLS only loopback is reached") from None
        return str(url)

    def _may_be_reached(self, address: Address) -> bool:
        if any(address in network for network in self.allowed if network.version == address.version):
            return True
        is_public = address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
        return is_public and not _stands_for_another(address)


def parsed(text: str) -> httpx.URL:
    """Return the URL.

    Raises:
        ForbiddenAddressError: it is no `http` or `https` URL with a host, or holds what does not belong into one.
    """
    if len(text) > LONGEST_URL or not text.isprintable() or " " in text:
        raise ForbiddenAddressError(f"a URL has {LONGEST_URL} characters at most, and neither spaces nor line breaks")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise ForbiddenAddressError("that is no URL") from None
    if url.scheme not in {"https", "http"} or not url.host:
        raise ForbiddenAddressError("a webhook's URL begins with https://")
    if not 0 < port_of(url) < 2**16:
        raise ForbiddenAddressError("a port is a number from 1 to 65535")
    if url.userinfo or url.fragment:
        raise ForbiddenAddressError("a URL with a user, a password or a fragment is not taken")
    return url


def port_of(url: httpx.URL) -> int:
    """Return the port that the URL leads to."""
    return url.port if url.port is not None else (80 if url.scheme == "http" else 443)


def shown(text: str) -> str:
    """Return what may be shown of a URL: whatever comes after the host can be a secret."""
    url = parsed(text)
    rest = "/…" if url.raw_path != b"/" else "/"
    return f"{url.scheme}://{url.netloc.decode()}{rest}"


async def _resolved(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _unmapped(text: str) -> Address:
    """Return the address; one of IPv4 in the clothes of IPv6 as what it is."""
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _stands_for_another(address: Address) -> bool:
    return isinstance(address, IPv6Address) and (address.is_site_local or _in(address, _TUNNELS))


def _in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
