"""What people may make of an alert: from which state to which, with what verdict, and who may not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from services.monitoring.domain.errors import Refusal


class State(StrEnum):
    """How far people are with an alert; whether its episode goes on is another matter."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    SUPPRESSED = "suppressed"
    """It was not raised; only the engine says so."""


class Verdict(StrEnum):
    """What an alert turned out to be."""

    TRUE_POSITIVE = "true_positive"
    BENIGN = "benign"
    FALSE_POSITIVE = "false_positive"

    @property
    def is_risk(self) -> bool:
        """Whether what it is about stays a risk."""
        return self is Verdict.TRUE_POSITIVE


_NEXT: Mapping[State, frozenset[State]] = {
    State.NEW: frozenset({State.ACKNOWLEDGED, State.IN_PROGRESS, State.RESOLVED}),
    State.ACKNOWLEDGED: frozenset({State.IN_PROGRESS, State.RESOLVED}),
    State.IN_PROGRESS: frozenset({State.ACKNOWLEDGED, State.RESOLVED}),
    State.RESOLVED: frozenset({State.NEW, State.ACKNOWLEDGED, State.IN_PROGRESS}),
    State.SUPPRESSED: frozenset({State.ACKNOWLEDGED, State.IN_PROGRESS, State.RESOLVED}),
}
"""Nothing becomes new again but what is reopened; what was kept quiet may be looked into all the same."""

STALE = Refusal("version-stale", "the alert was triaged since it was read; read it again")
OWN_ALERT = Refusal("own-alert", "the alert is about you: somebody else has to judge it")
_ABOUT_ASSIGNEE = Refusal("assignee-is-subject", "the alert is about the one it would be assigned to")
_GOVERNED = Refusal("suppression-is-governed", "an exception or a silence suppresses alerts, not their triage")
_NOT_BEFORE = Refusal("no-such-step", "an alert does not go from its state to that one")
_VERDICT_MISSING = Refusal("verdict-missing", "to resolve an alert say what it was, as its verdict")
_VERDICT_EARLY = Refusal("verdict-without-resolution", "only a resolved alert has a verdict")
_REASON_MISSING = Refusal("reason-missing", "to resolve, to reopen or to judge anew takes a reason")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The triage that somebody asks for, whole."""

    state: State
    verdict: Verdict | None = None
    assignee: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Triage:
    """How people stand to one alert."""

    state: State = State.NEW
    verdict: Verdict | None = None
    assignee: str | None = None
    version: int = 1
    has_new_evidence: bool = False
    """Whether the episode went on after the verdict."""
    acknowledged_at: datetime | None = None
    """When somebody first took note of it."""
    resolved_at: datetime | None = None
    changed_at: datetime | None = None


class Step(NamedTuple):
    """One line of an alert's history."""

    kind: str
    """`state`, `verdict`, `assignee`, `note` or `new_evidence`."""
    before: str | None
    after: str | None


def triaged(
    triage: Triage, wish: Wish, *, read_version: int | None, by: str, subjects: frozenset[str], at: datetime
) -> Triage | Refusal:
    """Return the alert's triage as it is wished, or why not; the same one if it is so already.

    Args:
        triage: as it stands.
        wish: what is asked for.
        read_version: on which version the wish rests; None if it does not depend on one.
        by: who asks.
        subjects: the users that the alert is about: none of them judges it, nor is made its judge.
        at: now.
    """
    refusal = _refused(triage, wish, read_version=read_version, by=by, subjects=subjects)
    if refusal is not None:
        return refusal
    if (triage.state, triage.verdict, triage.assignee) == (wish.state, wish.verdict, wish.assignee):
        return triage
    is_judged = (triage.state, triage.verdict) != (wish.state, wish.verdict)
    return replace(
        triage,
        state=wish.state,
        verdict=wish.verdict,
        assignee=wish.assignee,
        version=triage.version + 1,
        has_new_evidence=triage.has_new_evidence and not is_judged,
        acknowledged_at=triage.acknowledged_at or (at if wish.state is not State.NEW else None),
        resolved_at=_resolved_at(triage, wish, at),
        changed_at=at,
    )


def noted(triage: Triage, *, by: str, subjects: frozenset[str], at: datetime) -> Triage | Refusal:
    """Return the triage after a note, which is a change like any other."""
    return OWN_ALERT if by in subjects else replace(triage, version=triage.version + 1, changed_at=at)


def steps(before: Triage, after: Triage) -> Iterator[Step]:
    """Yield what changed, line by line."""
    if before.state is not after.state:
        yield Step("state", before.state, after.state)
    if before.verdict is not after.verdict:
        yield Step("verdict", before.verdict, after.verdict)
    if before.assignee != after.assignee:
        yield Step("assignee", before.assignee, after.assignee)


def subjects(alert: Mapping[str, Any]) -> frozenset[str]:
    """Return the users that an alert, as it is told, is about: they, and who owns the credential it is about."""
    named = {one["id"] for one in alert.get("entities", ()) if one["kind"] == "user"}
    group: Mapping[str, str] = alert.get("group", {})
    named |= {value for name, value in group.items() if name in _USER_FIELDS}
    named |= set(group.get("ring", "").split(_RING)) - {""}
    credential = alert.get("context", {}).get("credential")
    owner = credential.get("owner_id") if isinstance(credential, Mapping) else None
    return frozenset(named | ({owner} if isinstance(owner, str) else set()))


_USER_FIELDS = frozenset(
    {"user", "user_id", "actorid", "actor", "actor_id", "requester_id", "approver_id", "owner_id", "sponsor_id"}
)
"""Fields to group by that name a user."""

_RING = " → "
"""Between the members of an approval ring."""


def _refused(
    triage: Triage, wish: Wish, *, read_version: int | None, by: str, subjects: frozenset[str]
) -> Refusal | None:
    """Say why not; who is asked about themselves learns nothing else."""
    if by in subjects:
        return OWN_ALERT
    if read_version is not None and read_version != triage.version:
        return STALE
    if wish.assignee is not None and wish.assignee in subjects:
        return _ABOUT_ASSIGNEE
    return _refused_step(triage, wish)


def _refused_step(triage: Triage, wish: Wish) -> Refusal | None:
    if wish.state is State.SUPPRESSED and triage.state is not State.SUPPRESSED:
        return _GOVERNED
    if wish.state is not triage.state and wish.state not in _NEXT[triage.state]:
        return _NOT_BEFORE
    if (wish.state is State.RESOLVED) != (wish.verdict is not None):
        return _VERDICT_MISSING if wish.verdict is None else _VERDICT_EARLY
    is_judged = State.RESOLVED in (triage.state, wish.state) and (triage.state, triage.verdict) != (
        wish.state,
        wish.verdict,
    )
    return _REASON_MISSING if is_judged and not wish.reason else None


def _resolved_at(triage: Triage, wish: Wish, at: datetime) -> datetime | None:
    if wish.state is not State.RESOLVED:
        return None
    return triage.resolved_at if wish.verdict is triage.verdict else at
