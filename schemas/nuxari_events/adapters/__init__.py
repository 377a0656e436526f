"""Readers of other products' records: after this, a foreign format is `access.activity` or a reason why it is not."""

from __future__ import annotations

from collections.abc import Mapping

from nuxari_events.adapters import cloudevents, cloudtrail, entra, keycloak, okta
from nuxari_events.adapters.adapter import Adapter
from nuxari_events.adapters.conversion import Conversion, Unread

__all__ = ["ADAPTERS", "Adapter", "Conversion", "Unread"]

ADAPTERS: Mapping[str, Adapter] = {
    "cloudevents": cloudevents,
    "cloudtrail": cloudtrail,
    "entra": entra,
    "keycloak": keycloak,
    "okta": okta,
}
"""Every format that can be read, by its name."""
