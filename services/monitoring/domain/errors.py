"""Refusals: a decision that says no, with a code that callers may rely on; nothing here is raised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Refusal:
    """A request was understood and is not granted.

    `code` is stable; `detail` says what was wrong and what would be right, and never quotes what was sent.
    """

    code: str
    detail: str
    facts: Mapping[str, int | str] = field(default_factory=dict)
    """What a program needs to ask again rightly, such as `most`."""
