"""People judge incidents, and with them every alert of theirs that nobody has judged yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from services.monitoring import events
from services.monitoring.domain import triage as of_alerts
from services.monitoring.domain.errors import Refusal
from services.monitoring.domain.incident_triage import Wish, triaged
from services.monitoring.domain.incidents import Incident, State
from services.monitoring.domain.triage import Step, Triage, subjects
from services.monitoring.service import telling
from services.monitoring.service.acting import Acting, record
from services.monitoring.service.incidents import save_and_tell
from services.monitoring.service.triage import carry_out
from services.monitoring.store import alerts, changes, history
from services.monitoring.store import incidents as store
from services.monitoring.store.alerts import Judged
from shared.persistence.database import Transaction

UNKNOWN = Refusal("not-found", "there is no such incident")


async def triage(
    transaction: Transaction, incident_id: str, *, wish: Wish, read_version: int, acting: Acting, at: datetime
) -> Incident | Refusal:
    """Set what people make of an incident, if it is still as the caller read it (`read_version`).

    Resolved, it resolves its alerts with the same verdict, but for those that were judged before.
    """
    await changes.take(transaction, transaction.tenant_id or "")
    incident = (await store.found(transaction, [incident_id])).get(incident_id)
    if incident is None:
        return UNKNOWN
    members = await alerts.of_incident(transaction, incident_id)
    about = frozenset[str]().union(*(subjects(one.body) for one in members))
    decision = triaged(incident, wish, read_version=read_version, by=acting.actor_id, subjects=about, at=at)
    if decision is incident:
        return incident
    await _record(transaction, incident, decision, wish=wish, acting=acting, at=at)
    if isinstance(decision, Incident):
        await _carry_out(transaction, incident, decision, members, wish=wish, acting=acting, at=at)
    return await store.by_id(transaction, incident_id) or decision if isinstance(decision, Incident) else decision


async def _carry_out(
    transaction: Transaction,
    before: Incident,
    after: Incident,
    members: Sequence[Judged],
    *,
    wish: Wish,
    acting: Acting,
    at: datetime,
) -> None:
    if after.state is State.RESOLVED:
        await _resolve_alerts(transaction, members, wish=wish, acting=acting, at=at)
    lines = [history.Line(about_id=after.incident_id, step=step, words=wish.reason) for step in _steps(before, after)]
    await history.append(transaction, "incident", lines, actor_id=acting.actor_id, at=at)
    by = events.By(acting.actor_id, acting.correlation_id, wish.reason)
    await telling.tell(transaction, await save_and_tell(transaction, [(before, after)], by=by, at=at), at=at)


async def _resolve_alerts(
    transaction: Transaction, members: Sequence[Judged], *, wish: Wish, acting: Acting, at: datetime
) -> None:
    decided: list[tuple[Judged, Triage | Refusal]] = []
    its = of_alerts.Wish(state=of_alerts.State.RESOLVED, verdict=wish.verdict, reason=wish.reason)
    for one in members:
        if one.triage.state is not of_alerts.State.RESOLVED:
            mine = of_alerts.Wish(
                state=its.state, verdict=its.verdict, assignee=one.triage.assignee or wish.assignee, reason=its.reason
            )
            decided.append(
                (
                    one,
                    of_alerts.triaged(
                        one.triage, mine, read_version=None, by=acting.actor_id, subjects=frozenset(), at=at
                    ),
                )
            )
    await carry_out(transaction, decided, wish=its, acting=acting, at=at)


def _steps(before: Incident, after: Incident) -> Iterable[Step]:
    if before.state is not after.state:
        yield Step("state", before.state, after.state)
    if before.verdict is not after.verdict:
        yield Step("verdict", before.verdict, after.verdict)
    if before.assignee != after.assignee:
        yield Step("assignee", before.assignee, after.assignee)


async def _record(
    transaction: Transaction,
    before: Incident,
    decision: Incident | Refusal,
    *,
    wish: Wish,
    acting: Acting,
    at: datetime,
) -> None:
    await record(
        transaction,
        "incident.triage",
        target=before.incident_id,
        decision=decision,
        acting=acting,
        at=at,
        facts={
            "before": {"state": before.state, "verdict": before.verdict, "assignee": before.assignee},
            "asked": {"state": wish.state, "verdict": wish.verdict, "assignee": wish.assignee},
        },
        reason=wish.reason,
    )
