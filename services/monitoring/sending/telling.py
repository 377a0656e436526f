"""People are told by a service: after this, nobody thinks about apprise."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from apprise import Apprise, AppriseAsset, NotifyBase, NotifyFormat, NotifyType

from services.monitoring.domain.outbound import Notice

_TYPES = {"critical": NotifyType.FAILURE, "high": NotifyType.FAILURE, "medium": NotifyType.WARNING}

_ASSET = AppriseAsset(
    app_id="Nuxari",
    app_desc="Nuxari security alerts",
    secure_logging=True,
    storage_mode="memory",
    async_mode=False,
    http_redirects=False,
)

# It writes addresses and answers into its log.
logging.getLogger("apprise").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Service:
    """A service at one address."""

    plugin: NotifyBase
    host: str | None
    port: int | None

    def tell(self, notice: Notice) -> bool:
        """Tell people, and say whether the service took it."""
        kind = _TYPES.get(notice.severity, NotifyType.INFO)
        return bool(
            self.plugin.notify(title=notice.title, body=notice.text, notify_type=kind, body_format=NotifyFormat.TEXT)
        )


def by_address(address: str) -> Service | None:
    """Return the service; None if none has such an address."""
    plugin = Apprise.instantiate(address, asset=_ASSET)
    if not isinstance(plugin, NotifyBase):
        return None
    host = getattr(plugin, "smtp_host", None) or plugin.host
    return Service(plugin, str(host) if host else None, plugin.port)
