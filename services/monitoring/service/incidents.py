"""Alerts become incidents as they come; people take them and judge them, and thereby all of their alerts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from nuxari_events.envelope import Event

from services.monitoring import events
from services.monitoring.domain.incidents import (
    Cluster,
    Incident,
    Joining,
    Named,
    State,
    clusters,
    is_worth_telling,
    merged,
    refreshed,
)
from services.monitoring.domain.triage import Step
from services.monitoring.store import alerts, history
from services.monitoring.store import incidents as store
from shared.persistence.database import Transaction

_NOBODY = events.By()
"""An incident grows by itself."""


async def gather(
    transaction: Transaction, joining: Sequence[Joining], *, taken_back: Collection[str], at: datetime
) -> list[Event]:
    """Put alerts into incidents and return what is to be announced of these.

    Args:
        transaction: has taken the tenant.
        joining: alerts that were raised, or went on, with their entities kept already.
        taken_back: incidents of alerts that no longer stand.
        at: now.
    """
    known = await store.found(transaction, {one.incident_id for one in joining if one.incident_id} | set(taken_back))
    joining = [one for one in joining if _may_join(one, known)]
    near = await store.near(transaction, joining)
    known |= await store.found(transaction, {incident_id for _, incident_id in near} - known.keys())
    named = {one.incident_id: Named(one.incident_id, one.named_at, one.named_by) for one in known.values()}
    found = clusters(transaction.tenant_id or "", joining, near=near, known=named)
    after: dict[str, Incident] = {}
    for cluster in found:
        after |= await _put_together(transaction, cluster, known, at=at)
    touched = {cluster.incident_id for cluster in found} | set(taken_back)
    return await _refresh(transaction, touched, before=known, after=after, at=at)


def _may_join(one: Joining, known: Mapping[str, Incident]) -> bool:
    """Say whether the alert's incident still changes: what was judged stays together as it was."""
    incident = None if one.incident_id is None else known.get(one.incident_id)
    return incident is None or incident.state is not State.RESOLVED


async def _put_together(
    transaction: Transaction, cluster: Cluster, known: Mapping[str, Incident], *, at: datetime
) -> dict[str, Incident]:
    """Write what belongs to what, and return the incidents that this makes or ends."""
    survivor = known.get(cluster.incident_id)
    others = [known[one] for one in cluster.others]
    await alerts.put_into(transaction, [(one, cluster.incident_id) for one in cluster.alerts])
    if others:
        await store.move(transaction, cluster.others, into=cluster.incident_id)
        await _note_merges(transaction, cluster, at=at)
    state, assignee = merged(survivor, others)
    whole = survivor or _opened(cluster, at)
    ended = {one.incident_id: _ended(one, into=cluster.incident_id, at=at) for one in others}
    if (whole.state, whole.assignee) != (state, assignee):
        whole = replace(whole, state=state, assignee=assignee, triage_version=whole.triage_version + 1)
    return ended | {cluster.incident_id: whole}


def _opened(cluster: Cluster, at: datetime) -> Incident:
    return Incident(
        incident_id=cluster.incident_id,
        state=State.OPEN,
        severity="informational",
        named_by=cluster.named_by,
        named_at=cluster.named_at,
        first_seen=cluster.named_at,
        last_seen=cluster.named_at,
        alert_count=0,
        rules=(),
        is_told=False,
        told_count=0,
        version=0,
        triage_version=1,
        opened_at=at,
        changed_at=at,
    )


def _ended(incident: Incident, *, into: str, at: datetime) -> Incident:
    return replace(incident, state=State.MERGED, verdict=None, merged_into=into, alert_count=0, changed_at=at)


async def _note_merges(transaction: Transaction, cluster: Cluster, *, at: datetime) -> None:
    lines = [history.Line(about_id=one, step=Step("merged_into", None, cluster.incident_id)) for one in cluster.others]
    lines += [history.Line(about_id=cluster.incident_id, step=Step("merged", one, None)) for one in cluster.others]
    await history.append(transaction, "incident", lines, actor_id=None, at=at)


async def _refresh(
    transaction: Transaction,
    touched: Collection[str],
    *,
    before: Mapping[str, Incident],
    after: Mapping[str, Incident],
    at: datetime,
) -> list[Event]:
    """Bring what the incidents say up to date, write them, and return what is to be announced."""
    if not touched and not after:
        return []
    content = await store.content(transaction, touched)
    current = {**{one: before[one] for one in touched if one in before}, **after}
    fresh = {
        one: refreshed(incident, content.get(one), at=at) if one in touched else incident
        for one, incident in current.items()
    }
    return await save_and_tell(transaction, [(before.get(one), fresh[one]) for one in sorted(fresh)], at=at)


async def save_and_tell(
    transaction: Transaction,
    pairs: Iterable[tuple[Incident | None, Incident]],
    *,
    at: datetime,
    by: events.By = _NOBODY,
) -> list[Event]:
    """Write incidents, each as it was and as it is, and return what is to be announced of them."""
    kinds: dict[str, str] = {}
    saved = []
    for before, after in pairs:
        kind = _told_as(before, after)
        if kind is not None:
            kinds[after.incident_id] = kind
            after = replace(after, told_count=after.alert_count)  # noqa: PLW2901 - the same incident
        saved.append(replace(after, version=after.version + 1))
    await store.save(transaction, saved)
    members = await store.members(transaction, kinds) if kinds else {}
    return [
        events.of_incident(
            one,
            members[one.incident_id],
            kind=kinds[one.incident_id],
            tenant_id=transaction.tenant_id or "",
            by=by,
            at=at,
        )
        for one in saved
        if one.incident_id in kinds
    ]


def _told_as(before: Incident | None, after: Incident) -> str | None:
    """Return how the change is announced; None if it is not, as while only digests tell of its alerts."""
    if not after.is_told:
        return None
    is_over, was_over = not after.state.takes_alerts, before is not None and not before.state.takes_alerts
    if before is None or not before.is_told or (was_over and not is_over):
        return "closed" if is_over else "opened"
    if is_over:
        return None if was_over and before.state is after.state else "closed"
    return "updated" if is_worth_telling(before, after) else None
