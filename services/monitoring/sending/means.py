"""What messages are sent with, made once from the settings."""

from __future__ import annotations

from dataclasses import dataclass

from services.monitoring.sending.notifications import Notifications
from services.monitoring.sending.reach import Reach, Resolve
from services.monitoring.sending.webhooks import Webhooks
from shared.sealing import Seal
from shared.settings import ServiceSettings

SEALING_KEY = "monitoring_sealing_key"
"""256 bits in base64url, in the directory of secrets: addresses and secrets of targets are sealed with it."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """The tools, and where people look at an alert."""

    seal: Seal
    reach: Reach
    webhooks: Webhooks
    notifications: Notifications
    alert_link: str | None = None
    """With `{alert_id}` in it."""


def means_of(settings: ServiceSettings, *, resolve: Resolve | None = None) -> Means:
    """Return the tools; the key is read from the directory of secrets, and made there if there is none.

    Raises:
        KeyFileError: the key's file does not hold one, or none is there and none can be made.
    """
    reach = Reach(allowed=tuple(settings.outbound_private_networks), resolve=resolve)
    return Means(
        seal=Seal.of_file(settings.secrets / SEALING_KEY),
        reach=reach,
        webhooks=Webhooks(reach),
        notifications=Notifications(reach, further=settings.notification_services),
        alert_link=settings.alert_link,
    )
