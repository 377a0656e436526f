"""Which alerts are one incident: those that share somebody or something within a day, directly or through others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID, uuid5

from services.monitoring.domain.model import Entity
from services.monitoring.domain.triage import Verdict

RELATED = timedelta(hours=24)
"""How far apart two alerts about the same one may lie: a day, over which risk is added up too (detection 60). An
attack that pauses overnight goes on the next day; after a whole day of silence somebody has to say it is the same."""

LINKING = frozenset({"user", "credential", "ip", "session", "device", "agent"})
"""Kinds that make alerts one incident. A tenant, a role or a source is shared by strangers."""

_NAMESPACE = UUID("b2c1e7f4-58a3-5d0e-9a43-6f1d2c7b8e90")
"""Of incident ids; changing it would open every incident anew."""

SEVERITIES = ("informational", "low", "medium", "high", "critical")
"""From the least to the most severe."""


class State(StrEnum):
    """How far people are with an incident."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    MERGED = "merged"
    TAKEN_BACK = "taken_back"

    @property
    def takes_alerts(self) -> bool:
        """Whether a further alert can join; what was judged stays as it was judged."""
        return self in (State.OPEN, State.IN_PROGRESS)


class Joining(NamedTuple):
    """An alert that was raised, or whose time changed."""

    alert_id: str
    first_seen: datetime
    last_seen: datetime
    entities: tuple[Entity, ...]
    incident_id: str | None
    """Of which it is already."""


class Reach(NamedTuple):
    """Alerts about one, without a longer pause between them, as one span."""

    alert_id: str
    """The first of them."""
    entity: Entity
    first_seen: datetime
    last_seen: datetime


class Named(NamedTuple):
    """An incident by the alert that it is named by."""

    incident_id: str
    at: datetime
    alert_id: str


class Cluster(NamedTuple):
    """What is one incident from now on."""

    incident_id: str
    named_by: str
    named_at: datetime
    alerts: tuple[str, ...]
    """Alerts to be put into it."""
    others: tuple[str, ...]
    """Incidents that become a part of it, in the order of their beginnings."""


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One incident as it is kept."""

    incident_id: str
    state: State
    verdict: Verdict | None = None
    assignee: str | None = None
    severity: str
    named_by: str
    """The alert that it begins with."""
    named_at: datetime
    first_seen: datetime
    last_seen: datetime
    alert_count: int
    rules: tuple[str, ...]
    is_told: bool
    """Whether it was announced; one of alerts that are told in digests alone is not."""
    told_count: int
    """How many alerts it had when it was announced last."""
    version: int
    """Grows with each change."""
    triage_version: int
    """Grows with each change that people made, or that a merge made of theirs."""
    opened_at: datetime
    changed_at: datetime
    merged_into: str | None = None


class Content(NamedTuple):
    """What an incident consists of now."""

    alerts: int
    severity: str
    first_seen: datetime
    last_seen: datetime
    rules: tuple[str, ...]
    is_told: bool
    """Whether one of its alerts was told by itself."""


class Members(NamedTuple):
    """Which alerts an incident has, and whom they are about."""

    alert_ids: tuple[str, ...]
    """The first 64."""
    entities: tuple[Entity, ...]
    """Those of the most alerts first."""


def incident_id_of(tenant_id: str, alert_id: str) -> str:
    """Return the id of the incident that begins with the alert."""
    return str(uuid5(_NAMESPACE, f"{tenant_id} {alert_id}"))


def reaches(joining: Sequence[Joining]) -> list[Reach]:
    """Return whom the alerts are about and when: what is related to a span is related to one of its alerts."""
    return [
        Reach(run[0].alert_id, entity, run[0].first_seen, max(one.last_seen for one in run))
        for entity, run in _runs(joining)
    ]


def clusters(
    tenant_id: str, joining: Sequence[Joining], *, near: Iterable[tuple[str, str]], known: Mapping[str, Named]
) -> list[Cluster]:
    """Return what the joining alerts and the incidents near them make: the same for any order.

    Args:
        tenant_id: whose they are.
        joining: alerts that were raised, or whose time changed.
        near: pairs of such an alert and an incident that has an alert related to it.
        known: the incidents of these pairs, and those of which joining alerts are already.
    """
    union = _Union()
    for one in joining:
        union.join(one.alert_id, one.alert_id)
        if one.incident_id is not None:
            union.join(one.alert_id, one.incident_id)
    for alert_id, incident_id in near:
        union.join(alert_id, incident_id)
    for one_id, other_id in _related(joining):
        union.join(one_id, other_id)
    by_id = {one.alert_id: one for one in joining}
    return [_cluster(tenant_id, members, by_id, known) for members in union.sets()]


def merged(survivor: Incident | None, others: Sequence[Incident]) -> tuple[State, str | None]:
    """Return state and assignee of what several incidents become: nobody's work on any of them is lost."""
    every = ([survivor] if survivor else []) + list(others)
    is_in_hand = any(one.state is State.IN_PROGRESS for one in every)
    assignee = next((one.assignee for one in every if one.assignee is not None), None)
    return (State.IN_PROGRESS if is_in_hand else State.OPEN), assignee


def refreshed(incident: Incident, content: Content | None, *, at: datetime) -> Incident:
    """Return the incident with what it consists of now; without an alert that stands it is taken back."""
    if content is None:
        state = State.TAKEN_BACK if incident.state.takes_alerts else incident.state
        return replace(incident, state=state, alert_count=0, changed_at=at)
    return replace(
        incident,
        state=State.OPEN if incident.state is State.TAKEN_BACK else incident.state,
        severity=content.severity,
        first_seen=content.first_seen,
        last_seen=content.last_seen,
        alert_count=content.alerts,
        rules=content.rules,
        is_told=incident.is_told or content.is_told,
        changed_at=at,
    )


def is_worth_telling(before: Incident, after: Incident) -> bool:
    """Say whether a change is announced: not each alert of a flood, but what is new and each doubling."""
    said = (before.state, before.severity, before.rules, before.assignee, before.verdict)
    says = (after.state, after.severity, after.rules, after.assignee, after.verdict)
    return said != says or after.alert_count >= 2 * max(1, after.told_count)


def _cluster(
    tenant_id: str, members: Sequence[str], joining: Mapping[str, Joining], known: Mapping[str, Named]
) -> Cluster:
    alerts = [joining[one] for one in members if one in joining]
    incidents = sorted((known[one] for one in members if one in known), key=lambda one: (one.at, one.alert_id))
    begins = [(one.at, one.alert_id) for one in incidents] + [(one.first_seen, one.alert_id) for one in alerts]
    named_at, named_by = min(begins)
    incident_id = incident_id_of(tenant_id, named_by)
    return Cluster(
        incident_id=incident_id,
        named_by=named_by,
        named_at=named_at,
        alerts=tuple(sorted(one.alert_id for one in alerts if one.incident_id != incident_id)),
        others=tuple(one.incident_id for one in incidents if one.incident_id != incident_id),
    )


def _related(joining: Sequence[Joining]) -> Iterator[tuple[str, str]]:
    """Yield pairs that connect what is related."""
    for _, run in _runs(joining):
        for one in run[1:]:
            yield run[0].alert_id, one.alert_id


def _runs(joining: Sequence[Joining]) -> Iterator[tuple[Entity, list[Joining]]]:
    """Yield, of each one that alerts are about, those between which there is no longer pause, in order of time."""
    by_entity: dict[Entity, list[Joining]] = defaultdict(list)
    for one in joining:
        for entity in one.entities:
            if entity.kind in LINKING:
                by_entity[entity].append(one)
    for entity, several in by_entity.items():
        several.sort(key=lambda one: (one.first_seen, one.alert_id))
        run, until = several[:1], several[0].last_seen
        for one in several[1:]:
            if one.first_seen - until > RELATED:
                yield entity, run
                run = []
            run.append(one)
            until = max(until, one.last_seen)
        yield entity, run


class _Union:
    """Disjoint sets of ids."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def join(self, one: str, other: str) -> None:
        """Put the sets of the two together."""
        self._parent[self._root(other)] = self._root(one)

    def sets(self) -> list[list[str]]:
        """Return the sets, and the members of each, sorted."""
        found: dict[str, list[str]] = defaultdict(list)
        for one in sorted(self._parent):
            found[self._root(one)].append(one)
        return sorted(found.values())

    def _root(self, one: str) -> str:
        self._parent.setdefault(one, one)
        while self._parent[one] != one:
            self._parent[one] = self._parent[self._parent[one]]
            one = self._parent[one]
        return one
