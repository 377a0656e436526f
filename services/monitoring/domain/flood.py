"""The flood guard: which alerts are told by themselves, and which together; none is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

MOST = 100
"""Alerts of one rule that are told by themselves per tenant and hour: more than a team reads in one."""

WITHIN = timedelta(hours=1)

DIGESTED_EVERY = timedelta(minutes=5)
"""How long the ones beyond wait to be told together."""

MOST_GROUPS = 20
"""Of a digest, those with the most events."""

_ADMINISTRATIVE = frozenset({"client_owner", "client_admin", "client_security_admin", "client_compliance_auditor"})
"""Roles whose holders are privileged (NUXARI.md, the eight client tenant roles)."""


class Told(StrEnum):
    """How an alert was announced."""

    SELF = "self"
    DIGEST = "digest"
    NOBODY = "nobody"
    """It is suppressed, or its detection only tried out."""


@dataclass(frozen=True, kw_only=True)
class Digest:
    """Alerts of one rule that are told together."""

    rule: Mapping[str, Any]
    """As the newest of them names it."""
    since: datetime
    count: int
    severities: Mapping[str, int]
    groups: Sequence[Mapping[str, Any]]
    """Those with the most events: `group`, `alerts`, `events`."""
    group_count: int


def told(severity: str, context: Mapping[str, Any], *, told_before: int, most: int = MOST) -> Told:
    """Return how a new alert is told, after so many of its rule within the hour.

    A critical one about a privileged subject is always told by itself: nobody hides it behind a flood.
    """
    if told_before < most or (severity == "critical" and is_privileged(context)):
        return Told.SELF
    return Told.DIGEST


def is_privileged(context: Mapping[str, Any]) -> bool:
    """Say whether the user it is about holds a privileged role now; one of whom nothing is known counts as one."""
    user = context.get("user")
    if not isinstance(user, Mapping) or not user:
        return True
    held = [*user.get("roles", ()), *user.get("activations", ())]
    return any(one.get("privileged") or one.get("role") in _ADMINISTRATIVE for one in held)
