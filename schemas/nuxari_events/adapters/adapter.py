"""What an adapter is: after this, whoever reads records by one knows all of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from nuxari_events.adapters.conversion import Conversion, Unread


class Adapter(Protocol):
    """A pure reader of one format; a module with these two functions is one.

    Whatever a JSON object holds, neither raises: what is not understood is `Unread`, with a reason.
    """

    def convert(self, record: Mapping[str, object], *, tenant_id: str | None = None) -> Conversion | Unread:
        """Return the record as events of `access.activity`, or why it is none.

        The same record gives the same events with the same ids. `tenant_id` is the tenant of the events; without it,
        one that the record names, or the record is unread.
        """

    def moment(self, record: Mapping[str, object]) -> datetime | None:
        """Return when the record says that it happened, in UTC, to sort by; None where it does not say."""
