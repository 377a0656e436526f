"""What an adapter hands back: after this, every field of a record is an event's, or named as dropped, or unread."""

from __future__ import annotations

from dataclasses import dataclass

from nuxari_events.envelope import Event


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """One record as events of the contract, with an account of what did not come along."""

    events: tuple[Event, ...]
    """One as a rule; several where one record gives a role to several principals."""
    dropped: tuple[str, ...]
    """The paths of fields that hold a value and have no place in the contract; `[]` stands for any list index."""
    remarks: tuple[str, ...]
    """What a reader should know, such as `kept as it is: sourceIPAddress`. Paths only, never values."""


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A record that is not what the adapter knows: nothing of it was guessed. Keep it and look at it."""

    code: str
    """Stable: group and count by it."""
    detail: str
    """Where it failed and what would be right; never quotes the record."""
