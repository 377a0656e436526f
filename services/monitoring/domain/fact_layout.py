"""Where the stream's facts have the fields that rules name: `type`, `actorid`, `data.user_id`, `origin.country`, ..."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from services.monitoring.domain.fields import Read
from services.monitoring.domain.model import Fact

_ATTRIBUTES = {
    "type": "type",
    "source": "source",
    "id": "id",
    "subject": "subject",
    "tenantid": "tenant",
    "actorid": "actor",
    "sequence": "sequence",
}
"""Of the envelope, and what a fact calls them."""

Derived = Callable[[str], Read | None]
"""Returns what reads a derived field of a fact; None for a name that is no such field."""


def no_derived(_: str) -> Read | None:
    """Say that there are no derived fields."""
    return None


class Facts:
    """Reads facts; a field that no event of ours has is missing."""

    def __init__(self, derived: Derived = no_derived) -> None:
        self.names: dict[str, Any] = {"get": getattr}
        self._derived = derived
        self._readers: dict[str, Read] = {}

    def parent(self, field: str) -> str | None:
        """Return the event's data, which most fields are in."""
        return "e.data" if field.startswith("data.") else None

    def code(self, field: str, *, parent: str | None = None) -> str:
        """Return an attribute, or the call of what reads it."""
        if field in _ATTRIBUTES:
            return f"e.{_ATTRIBUTES[field]}"
        root, _, rest = field.partition(".")
        if root == "data" and rest.isidentifier():
            return f"get({parent or 'e.data'}, {rest!r}, None)"
        if root == "alert" and rest.isidentifier():
            return f"get(e.alert, {rest!r}, None)"
        read = _nested(rest) if root == "data" else self._derived(field)
        return "None" if read is None else self._named(field, read)

    def presence(self, field: str) -> str:
        """Return whether it has a value: the contract knows no difference between null and missing."""
        return f"({self.code(field)} is not None)"

    def reader(self, field: str) -> Read:
        """Return what reads the field from a fact."""
        if field not in self._readers:
            self._readers[field] = eval(f"lambda e: {self.code(field)}", self.names)  # noqa: S307 - attributes alone
        return self._readers[field]

    def _named(self, field: str, read: Read) -> str:
        name = f"f_{''.join(one if one.isalnum() else '_' for one in field)}_{len(self.names)}"
        self.names[name] = read
        return f"{name}(e)"


def _nested(path: str) -> Read:
    """Return what reads a field within an object of the data; the longest key first, as keys may have dots."""
    keys = path.split(".")

    def read(event: Fact) -> Any:  # noqa: ANN401 - any JSON
        return _along(event.data, keys)

    return read


def _along(value: Any, keys: list[str]) -> Any:  # noqa: ANN401 - any JSON
    if not keys:
        return value
    for end in range(len(keys), 0, -1):
        found = getattr(value, ".".join(keys[:end]), None)
        if found is not None:
            return _along(found, keys[end:])
    return None


def as_attributes(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON with its objects read by attribute, as decoded events are."""
    if isinstance(value, dict):
        return SimpleNamespace(**{str(key): as_attributes(one) for key, one in value.items()})
    if isinstance(value, list | tuple):
        return [as_attributes(one) for one in value]
    return value
