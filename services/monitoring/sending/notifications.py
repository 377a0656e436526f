"""One notice to people, by the services that apprise knows: only such as cannot be turned against this machine."""

from __future__ import annotations

import asyncio
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from services.monitoring.domain.outbound import Notice, Outcome
from services.monitoring.sending.reach import ForbiddenAddressError, Reach

FIXED = frozenset(
    {
        "discord",
        "gchat",
        "opsgenie",
        "pagerduty",
        "pagertree",
        "pover",
        "signl4",
        "slack",
        "splunk",
        "tgram",
        "victorops",
        "wxteams",
    }
)
"""Services whose host stands in apprise: no address leads anywhere else."""

_HARMLESS = frozenset(
    {
        "avatar",
        "channel",
        "component",
        "class",
        "footer",
        "from",
        "group",
        "image",
        "priority",
        "region",
        "sound",
        "tags",
        "thread",
        "to",
        "topic",
        "tts",
    }
)
"""Parameters that an address may have. Others read files (`template`), weaken TLS (`verify`), follow redirects, set
headers and time limits."""

LONGEST = 2048


class Told(Protocol):
    """A service at one address."""

    @property
    def host(self) -> str | None:
        """Where it is reached, of one that has no host of its own."""
        ...

    @property
    def port(self) -> int | None:
        """At which port, where that is not the usual one."""
        ...

    def tell(self, notice: Notice) -> bool:
        """Tell people, and say whether the service took it; it may take some seconds."""
        ...


class Notifications:
    """Sends notices."""

    def __init__(self, reach: Reach, *, further: tuple[str, ...] = ()) -> None:
        """Take what may be reached, and the services that the operator allows beside those with a fixed host."""
        self._reach = reach
        self._allowed = FIXED | {name.lower() for name in further}

    async def check(self, address: str) -> str:
        """Return what may be shown of an address of apprise, such as `slack://…`.

        Raises:
            ForbiddenAddressError: it is none, or one of a service or with a parameter that is not allowed.
        """
        service = self._service(address)
        await self._judge(service, await asyncio.to_thread(_told_by, address))
        return f"{service}://…"

    async def send(self, address: str, notice: Notice) -> Outcome:
        """Send the notice; any failure is an outcome."""
        try:
            service = self._service(address)
            told = await asyncio.to_thread(_told_by, address)
            await self._judge(service, told)
        except ForbiddenAddressError:
            return Outcome.FORBIDDEN
        except OSError:
            return Outcome.UNREACHABLE
        was_sent = await asyncio.to_thread(told.tell, notice)
        return Outcome.DELIVERED if was_sent else Outcome.REFUSED

    def _service(self, address: str) -> str:
        service, separator, _ = address.partition("://")
        if len(address) > LONGEST or not address.isprintable() or not separator:
            raise ForbiddenAddressError("an address of apprise is needed, such as slack://…")
        if service.lower() not in self._allowed:
            raise ForbiddenAddressError(f"the service is none of {', '.join(sorted(self._allowed))}")
        try:
            names = {name.lower() for name, _ in parse_qsl(urlsplit(address).query, keep_blank_values=True)}
        except ValueError:
            raise ForbiddenAddressError("that is no address") from None
        if not names <= _HARMLESS:
            raise ForbiddenAddressError(f"an address may have no parameter but {', '.join(sorted(_HARMLESS))}")
        return service.lower()

    async def _judge(self, service: str, told: Told) -> None:
        """Judge the host of a service that has none of its own."""
        if service not in FIXED and told.host:
            await self._reach.addresses(told.host, told.port or 443, plain=False)


def _told_by(address: str) -> Told:
    """Return what tells people; apprise is loaded by the first who needs it: it is large, and many never do."""
    from services.monitoring.sending import telling  # noqa: PLC0415 - as it says above

    found = telling.by_address(address)
    if found is None:
        raise ForbiddenAddressError("the service does not know such an address")
    return found
