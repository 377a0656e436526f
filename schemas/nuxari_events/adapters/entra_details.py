"""Key-value lists of Microsoft's audits: after this, an additional detail is found by its key."""

from __future__ import annotations

from collections.abc import Callable

from nuxari_events.adapters.fields import NAME_LENGTH, Fields


def detail_of(
    body: Fields, key: str, *, limit: int = NAME_LENGTH, well_formed: Callable[[str], bool] | None = None
) -> str | None:
    """Take the value of the first additional detail with that key, as `Fields.name` takes one."""
    for detail in body.each("additionalDetails"):
        if detail.look("key") == key:
            detail.take("key")
            return detail.name("value", limit=limit, well_formed=well_formed)
    return None
