"""Where a request came from: the part that events of every topic may carry."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from nuxari_events.envelope import Name, Payload

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1 alpha-2."""

Asn = Annotated[int, Field(ge=0, le=4_294_967_295)]
"""The number of an autonomous system (RFC 6793)."""


class RequestOrigin(Payload):
    """Where a request came from. Every field may be missing; a missing one is never guessed.

    Topics that are kept for ever carry no more of it than this: what tells one place and device from another.
    """

    ip: Name | None = None
    """The address as reported, IPv4 or IPv6; a source's malformed value is kept as it is."""
    device_id: Name | None = None
    session_id: Name | None = None
    country: Country | None = None
    """ISO 3166-1 alpha-2."""
    asn: Asn | None = None
    anonymous_proxy: bool | None = None
    """Whether the source knows the address as a proxy that hides who is behind it, such as an exit of Tor; None where
    it does not say."""
