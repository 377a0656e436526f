"""What people may make of an incident: take it, hand it on, judge it, open it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from services.monitoring.domain.errors import Refusal
from services.monitoring.domain.incidents import Incident, State
from services.monitoring.domain.triage import Verdict

STALE = Refusal("version-stale", "the incident was triaged since it was read; read it again")
OWN_INCIDENT = Refusal("own-incident", "an alert of the incident is about you: somebody else has to judge it")
_ABOUT_ASSIGNEE = Refusal("assignee-is-subject", "the incident is about the one it would be assigned to")
_OVER = Refusal("incident-is-over", "the incident became part of another one, or none of its alerts stands any more")
_NO_STEP = Refusal("no-such-step", "an incident is open, in progress or resolved by hand, nothing else")
_VERDICT_MISSING = Refusal("verdict-missing", "to resolve an incident say what it was, as its verdict")
_VERDICT_EARLY = Refusal("verdict-without-resolution", "only a resolved incident has a verdict")
_REASON_MISSING = Refusal("reason-missing", "to resolve, to reopen or to judge anew takes a reason")

_BY_HAND = frozenset({State.OPEN, State.IN_PROGRESS, State.RESOLVED})


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The triage of an incident that somebody asks for, whole."""

    state: State
    verdict: Verdict | None = None
    assignee: str | None = None
    reason: str | None = None


def triaged(
    incident: Incident, wish: Wish, *, read_version: int, by: str, subjects: frozenset[str], at: datetime
) -> Incident | Refusal:
    """Return the incident as it is wished, or why not; the same one if it is so already.

    Args:
        incident: as it stands.
        wish: what is asked for.
        read_version: the `triage_version` that the wish rests on.
        by: who asks.
        subjects: the users that its alerts are about.
        at: now.
    """
    if by in subjects:
        return OWN_INCIDENT
    refusal = _refused(incident, wish, read_version=read_version, subjects=subjects)
    if refusal is not None:
        return refusal
    if (incident.state, incident.verdict, incident.assignee) == (wish.state, wish.verdict, wish.assignee):
        return incident
    return replace(
        incident,
        state=wish.state,
        verdict=wish.verdict,
        assignee=wish.assignee,
        triage_version=incident.triage_version + 1,
        changed_at=at,
    )


def _refused(incident: Incident, wish: Wish, *, read_version: int, subjects: frozenset[str]) -> Refusal | None:
    if incident.state not in _BY_HAND:
        return _OVER
    if read_version != incident.triage_version:
        return STALE
    if wish.assignee is not None and wish.assignee in subjects:
        return _ABOUT_ASSIGNEE
    return _refused_step(incident, wish)


def _refused_step(incident: Incident, wish: Wish) -> Refusal | None:
    if wish.state not in _BY_HAND:
        return _NO_STEP
    if (wish.state is State.RESOLVED) != (wish.verdict is not None):
        return _VERDICT_MISSING if wish.verdict is None else _VERDICT_EARLY
    is_judged = State.RESOLVED in (incident.state, wish.state) and (
        (incident.state, incident.verdict) != (wish.state, wish.verdict)
    )
    return _REASON_MISSING if is_judged and not wish.reason else None
