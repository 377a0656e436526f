"""Where alerts are sent: what a target wants, when a failed delivery is tried again, and when a target is given up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

SEVERITIES = ("informational", "low", "medium", "high", "critical")
"""Least severe first."""


class AlertType(StrEnum):
    """Short types of `security.alerts`."""

    ALERT_RAISED = "alert_raised"
    ALERT_UPDATED = "alert_updated"
    ALERT_CLOSED = "alert_closed"
    ALERT_TRIAGED = "alert_triaged"
    ALERT_DIGESTED = "alert_digested"
    INCIDENT_OPENED = "incident_opened"
    INCIDENT_UPDATED = "incident_updated"
    INCIDENT_CLOSED = "incident_closed"


FINDING_TYPE: Final = "detection_finding_reported"
"""The alert in the words of OCSF."""

TEST_TYPE = "delivery_tested"
"""What a target gets that is tried out."""

TOLD_TO_PEOPLE = (AlertType.ALERT_RAISED, AlertType.ALERT_DIGESTED, AlertType.INCIDENT_OPENED)
"""What a notification is about where nobody says otherwise: what is new."""

MOST_TARGETS = 20
"""Of one kind, per tenant."""

RETRIES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Between one try and the next (Standard Webhooks, deliverability and reliability): ten tries in some three days."""

JITTER = 0.2
"""By which share a wait may be longer, so that what failed together does not come back together."""

LONGEST_REST = timedelta(minutes=5)
"""A target that fails is left alone for a while, whatever else is due there."""

GIVEN_UP_AFTER = timedelta(days=5)
"""A target at which nothing arrived for so long is disabled."""

BOTH_SECRETS_FOR = timedelta(hours=24)
"""After a rotation each message is signed with the old secret too."""

BETWEEN_NOTIFICATIONS = timedelta(seconds=3)
"""Twenty a minute and target: services refuse those that write more, and nobody reads more."""

KEPT_FOR = timedelta(days=30)
"""How long one can look at, and replay, what was sent."""


class Kind(StrEnum):
    """What a target is."""

    WEBHOOK = "webhook"
    NOTIFICATION = "notification"


class Outcome(StrEnum):
    """How one try ended."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """It answered with another status than 2xx."""
    GONE = "gone"
    """It answered 410: it wants nothing more."""
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    FORBIDDEN = "forbidden"
    """Its address is one that this service does not send to."""
    FAILED = "failed"
    """This service could not send it, for a reason that its log names."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a target wants to hear of."""

    least_severity: str
    rules: frozenset[str]
    """Ids; empty: all."""
    types: frozenset[str]

    def __contains__(self, said: object) -> bool:
        """Say whether it is one of these."""
        if not isinstance(said, Said) or said.type not in self.types:
            return False
        if self.rules and self.rules.isdisjoint(said.rules):
            return False
        return SEVERITIES.index(said.severity) >= SEVERITIES.index(self.least_severity)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What of an announcement decides about who wants it."""

    type: str
    severity: str
    rules: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One message for one target."""

    delivery_id: str
    message_id: str
    type: str
    body: str
    tries: int
    """How often it was tried since it was sent, or sent anew."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """How a target has been doing."""

    is_enabled: bool
    failures: int
    """In a row."""
    failing_since: datetime | None


@dataclass(frozen=True, kw_only=True)
class After:
    """What follows from one try."""

    state: str
    """Of the delivery: `waiting`, `delivered` or `dead`."""
    next_try_at: datetime | None
    health: Health
    disabled_reason: str | None
    """`gone` or `failing`, where the target is disabled by this."""
    rests_until: datetime
    """Until then nothing is sent there."""


def after(delivery: Delivery, health: Health, outcome: Outcome, *, kind: Kind, chance: float, at: datetime) -> After:
    """Return what follows from the delivery's newest try.

    Args:
        delivery: with the tries before this one.
        health: of its target before this try.
        outcome: how it ended.
        kind: of the target.
        chance: from `[0, 1)`, for the jitter.
        at: when it ended.
    """
    if outcome is Outcome.DELIVERED:
        pause = BETWEEN_NOTIFICATIONS if kind is Kind.NOTIFICATION else timedelta()
        well = Health(is_enabled=health.is_enabled, failures=0, failing_since=None)
        return After(state="delivered", next_try_at=None, health=well, disabled_reason=None, rests_until=at + pause)
    next_try_at = None if outcome is Outcome.GONE else _next_try(delivery.tries, chance=chance, at=at)
    since, failures = health.failing_since or at, health.failures + 1
    reason = _given_up(outcome, since=since, at=at) if health.is_enabled else None
    return After(
        state="dead" if next_try_at is None else "waiting",
        next_try_at=next_try_at,
        health=Health(is_enabled=health.is_enabled and reason is None, failures=failures, failing_since=since),
        disabled_reason=reason,
        rests_until=at + min(LONGEST_REST, RETRIES[0] * 2 ** min(failures - 1, 10)),
    )


def _next_try(tries: int, *, chance: float, at: datetime) -> datetime | None:
    if tries >= len(RETRIES):
        return None
    return at + RETRIES[tries] * (1 + JITTER * chance)


def _given_up(outcome: Outcome, *, since: datetime, at: datetime) -> str | None:
    if outcome is Outcome.GONE:
        return "gone"
    return "failing" if at - since >= GIVEN_UP_AFTER else None


@dataclass(frozen=True, kw_only=True)
class Notice:
    """An announcement as a few lines for people."""

    title: str
    text: str
    severity: str


def notice(body: Mapping[str, object], *, link: str | None) -> Notice:
    """Return what the announcement says, in the words that it has itself.

    Args:
        body: the event.
        link: where one looks at an alert, with `{alert_id}` in it; None: nowhere.
    """
    data = body["data"]
    assert isinstance(data, Mapping)  # noqa: S101 - for the type
    kind = str(body["type"]).split(".")[2]
    severity = data.get("severity") or (gravest(data["severities"]) if "severities" in data else None)
    title = _title(kind, data, severity)
    lines = [str(data[name]) for name in ("summary", "reason") if data.get(name)]
    if kind == AlertType.ALERT_DIGESTED:
        lines.append(f"{data['count']} alerts of {data['group_count']} groups were raised; they are told together.")
    if link is not None and data.get("alert_id"):
        lines.append(link.replace("{alert_id}", str(data["alert_id"])))
    return Notice(title=title, text="\n".join(lines) or title, severity=str(severity or SEVERITIES[0]))


def gravest(severities: object) -> str:
    """Return the gravest of the severities; informational where there are none."""
    named = [one for one in SEVERITIES if isinstance(severities, Mapping) and severities.get(one)]
    return named[-1] if named else SEVERITIES[0]


def _title(kind: str, data: Mapping[str, object], severity: object) -> str:
    head = f"[{str(severity).upper()}] " if severity else ""
    what = _subject(data)
    return f"{head}{what}" if kind == AlertType.ALERT_RAISED else f"{head}{kind.replace('_', ' ')}: {what}"


def _subject(data: Mapping[str, object]) -> str:
    """Return what it is about, in as few words as it has."""
    rule = data.get("rule")
    named = rule.get("title") if isinstance(rule, Mapping) else None
    judged = " ".join(str(data[name]) for name in ("state", "verdict") if data.get(name)).replace("_", " ")
    return " ".join(str(data.get("title") or named or data.get("name") or data.get("summary") or judged).split())
