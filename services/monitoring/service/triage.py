"""People judge alerts: one or a hundred at once, in order, never their own; all of it kept, audited and announced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from nuxari_events.envelope import Event
from nuxari_events.ids import uuid7

from services.monitoring import events
from services.monitoring.domain.errors import Refusal
from services.monitoring.domain.triage import State, Step, Triage, Verdict, Wish, noted, steps, subjects, triaged
from services.monitoring.service import telling
from services.monitoring.service.acting import Acting, record
from services.monitoring.store import alerts, changes, entities, history
from services.monitoring.store.alerts import Judged
from shared.persistence.database import Transaction

UNKNOWN = Refusal("not-found", "there is no such alert")
CHANGED_SINCE = Refusal("version-stale", "the alert was triaged since then; read it again")

Decision = Triage | Refusal


@dataclass(frozen=True, kw_only=True)
class Note:
    """What somebody wrote about an alert."""

    note_id: str
    triage: Triage


async def triage(
    transaction: Transaction, alert_id: str, *, wish: Wish, read_version: int, acting: Acting, at: datetime
) -> Decision:
    """Set what people make of one alert, if it is still as the caller read it (`read_version`)."""
    await changes.take(transaction, transaction.tenant_id or "")
    judged = (await alerts.to_be_judged(transaction, [alert_id])).get(alert_id)
    if judged is None:
        return UNKNOWN
    decision = triaged(
        judged.triage,
        wish,
        read_version=read_version,
        by=acting.actor_id,
        subjects=subjects(judged.body),
        at=at,
    )
    await carry_out(transaction, [(judged, decision)], wish=wish, acting=acting, at=at)
    return decision


async def triage_all(
    transaction: Transaction,
    alert_ids: Sequence[str],
    *,
    wish: Wish,
    unchanged_since: datetime | None,
    acting: Acting,
    at: datetime,
) -> Mapping[str, Decision]:
    """Set what people make of many alerts alike; each for itself is done or refused.

    Args:
        transaction: of the tenant.
        alert_ids: each counts once.
        wish: what is asked for; without an assignee each keeps its own.
        unchanged_since: refuse those that were triaged after that time.
        acting: who asks.
        at: now.
    """
    await changes.take(transaction, transaction.tenant_id or "")
    found = await alerts.to_be_judged(transaction, alert_ids)
    decided = [(one, _one_of_many(one, wish, unchanged_since, acting, at)) for one in found.values()]
    await carry_out(transaction, decided, wish=wish, acting=acting, at=at)
    by_id = {judged.alert_id: decision for judged, decision in decided}
    return {one: by_id.get(one, UNKNOWN) for one in dict.fromkeys(alert_ids)}


def _one_of_many(one: Judged, wish: Wish, since: datetime | None, acting: Acting, at: datetime) -> Decision:
    about = subjects(one.body)
    changed_at = one.triage.changed_at
    if since is not None and changed_at is not None and changed_at > since and acting.actor_id not in about:
        return CHANGED_SINCE
    its = Wish(
        state=wish.state,
        verdict=wish.verdict,
        assignee=wish.assignee or one.triage.assignee,
        reason=wish.reason,
    )
    return triaged(one.triage, its, read_version=None, by=acting.actor_id, subjects=about, at=at)


async def note(transaction: Transaction, alert_id: str, *, text: str, acting: Acting, at: datetime) -> Note | Refusal:
    """Write something down about an alert; it stays for good."""
    await changes.take(transaction, transaction.tenant_id or "")
    judged = (await alerts.to_be_judged(transaction, [alert_id])).get(alert_id)
    if judged is None:
        return UNKNOWN
    decision = noted(judged.triage, by=acting.actor_id, subjects=subjects(judged.body), at=at)
    note_id = uuid7()
    await record(
        transaction,
        "alert.note",
        target=alert_id,
        decision=decision,
        acting=acting,
        at=at,
        facts={"note_id": note_id},
        reason=text,
    )
    if isinstance(decision, Refusal):
        return decision
    await alerts.save_triage(transaction, alert_id, decision)
    line = history.Line(about_id=alert_id, step=Step("note", None, None), words=text, entry_id=note_id)
    await history.append(transaction, "alert", [line], actor_id=acting.actor_id, at=at)
    by = events.By(acting.actor_id, acting.correlation_id, note_id=note_id)
    await telling.tell(transaction, [_announcement(transaction, judged, decision, by, at)], at=at)
    return Note(note_id=note_id, triage=decision)


async def carry_out(
    transaction: Transaction,
    decided: Sequence[tuple[Judged, Decision]],
    *,
    wish: Wish,
    acting: Acting,
    at: datetime,
) -> list[Event]:
    """Write, audit and announce what was decided; a refusal is audited, and what is so already is left."""
    told: list[Event] = []
    by = events.By(acting.actor_id, acting.correlation_id, wish.reason)
    for judged, decision in decided:
        if decision is judged.triage:
            continue
        await _record(transaction, judged, decision, wish=wish, acting=acting, at=at)
        if isinstance(decision, Triage):
            await alerts.save_triage(transaction, judged.alert_id, decision)
            told.append(_announcement(transaction, judged, decision, by, at))
    changed = [(judged, after) for judged, after in decided if isinstance(after, Triage) and after is not judged.triage]
    lines = [line for judged, after in changed for line in _lines(judged, after, wish.reason)]
    await history.append(transaction, "alert", lines, actor_id=acting.actor_id, at=at)
    await entities.count(transaction, [(judged.alert_id, _counts(after)) for judged, after in changed])
    await telling.tell(transaction, told, at=at)
    return told


def _counts(triage: Triage) -> bool:
    """Say whether what the alert is about stays a risk: until it was judged to be none."""
    return triage.state is not State.RESOLVED or triage.verdict is Verdict.TRUE_POSITIVE


def _lines(judged: Judged, after: Triage, reason: str | None) -> list[history.Line]:
    return [history.Line(about_id=judged.alert_id, step=step, words=reason) for step in steps(judged.triage, after)]


def _announcement(transaction: Transaction, judged: Judged, after: Triage, by: events.By, at: datetime) -> Event:
    return events.triaged(
        judged.alert_id,
        judged.triage,
        after,
        tenant_id=transaction.tenant_id or "",
        by=by,
        incident_id=judged.incident_id,
        at=at,
    )


async def _record(
    transaction: Transaction, judged: Judged, decision: Decision, *, wish: Wish, acting: Acting, at: datetime
) -> None:
    before = judged.triage
    await record(
        transaction,
        "alert.triage",
        target=judged.alert_id,
        decision=decision,
        acting=acting,
        at=at,
        facts={
            "before": {"state": before.state, "verdict": before.verdict, "assignee": before.assignee},
            "asked": {"state": wish.state, "verdict": wish.verdict, "assignee": wish.assignee},
        },
        reason=wish.reason,
    )
