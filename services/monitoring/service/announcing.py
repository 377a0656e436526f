"""Changes of alerts become rows and announcements, each once, however often a replay makes the same change."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import msgspec
from nuxari_events.alerts import AlertData
from nuxari_events.envelope import Event

from services.monitoring import events
from services.monitoring.domain import flood
from services.monitoring.domain.flood import Told
from services.monitoring.domain.incidents import Joining
from services.monitoring.domain.model import Alert, Change, Closed
from services.monitoring.domain.triage import State, Step, Verdict
from services.monitoring.service import digests, incidents, telling
from services.monitoring.store import alerts, changes, entities, history
from shared.persistence.database import Transaction

_UNJUDGED = ("satisfied", "superseded")
"""An alert closed for one of these can stand again when yet another event arrives late."""


def latest(changes: Iterable[Change]) -> list[Change]:
    """Return the last change of each alert, in order: what came and went within a batch is not announced."""
    found: dict[tuple[str, str], Change] = {}
    for change in changes:
        name = (change.alert.tenant, change.alert.alert_id)
        found.pop(name, None)
        found[name] = change
    return list(found.values())


async def announce(transaction: Transaction, change: Change, *, at: datetime) -> None:
    """Write and announce the change unless the row shows that it was announced before."""
    await announce_all(transaction, [change], at=at)


async def announce_all(transaction: Transaction, changes: Iterable[Change], *, at: datetime) -> None:
    """Write and announce the changes, of each alert the last one, unless its row shows that it was announced before.

    Tenants are taken in the order of their ids, each with a fixed number of statements.
    """
    ordered = sorted(latest(changes), key=lambda one: (one.alert.tenant, one.alert.alert_id))
    for tenant_id, some in groupby(ordered, key=lambda one: one.alert.tenant):
        await _announce(transaction, tenant_id, list(some), at=at)


@dataclass(frozen=True, kw_only=True)
class _News:
    """A change that the alert's row does not show yet."""

    change: Change
    row: alerts.Kept | None
    told: Told

    @property
    def alert(self) -> Alert:
        return self.change.alert

    @property
    def closure(self) -> str | None:
        return self.change.reason if isinstance(self.change, Closed) else None

    @property
    def is_taken_back(self) -> bool:
        return self.closure in _UNJUDGED

    @property
    def is_in_force(self) -> bool:
        """Whether it is neither only tried out nor suppressed."""
        return self.alert.mode == "live" and not self.alert.is_suppressed

    @property
    def state(self) -> State:
        """What people's state is now: only what nobody has looked at yet follows the engine."""
        before = State.NEW if self.row is None else State(self.row.state)
        if before not in (State.NEW, State.SUPPRESSED):
            return before
        return State.SUPPRESSED if self.alert.is_suppressed else State.NEW

    @property
    def has_new_evidence(self) -> bool:
        """Whether it went on after somebody judged it."""
        if self.row is None or self.row.state != State.RESOLVED:
            return False
        return self.row.has_new_evidence or self.closure is None

    @property
    def counts(self) -> bool:
        """Whether it adds to the risk of those it is about: suppressed or not."""
        is_risk = self.row is None or self.row.verdict is None or Verdict(self.row.verdict).is_risk
        return self.alert.mode == "live" and is_risk and not self.is_taken_back

    def announcement(self, data: AlertData, *, at: datetime) -> Event | None:
        """Return how it is told by itself; None if it is not."""
        if self.told is not Told.SELF:
            return None
        if isinstance(self.change, Closed):
            return events.closed(data, self.change, tenant_id=self.alert.tenant, at=at)
        was_told = self.row is not None and self.row.told == Told.SELF and self.row.status == "open"
        return (events.updated if was_told else events.raised)(data, tenant_id=self.alert.tenant, at=at)


async def _announce(transaction: Transaction, tenant_id: str, some: Sequence[Change], *, at: datetime) -> None:
    await changes.take(transaction, tenant_id)
    rows = await alerts.kept(transaction, [change.alert.alert_id for change in some])
    fresh = [change for change in some if _is_news(change, rows.get(change.alert.alert_id))]
    if not fresh:
        return
    news = await _with_told(transaction, fresh, rows, at=at)
    data = [events.alert_data(one.alert, revision=one.row.revision + 1 if one.row else 0) for one in news]
    await _keep(transaction, news, data, at=at)
    told = [said for one, its in zip(news, data, strict=True) if (said := one.announcement(its, at=at)) is not None]
    told += await incidents.gather(
        transaction,
        [_joining(one, its) for one, its in zip(news, data, strict=True) if _joins(one)],
        taken_back={one.row.incident_id for one in news if one.is_taken_back and one.row and one.row.incident_id},
        at=at,
    )
    await digests.schedule(
        transaction, {one.alert.rule_id for one in news if one.told is Told.DIGEST and one.closure is None}, at=at
    )
    await telling.tell(transaction, told, at=at)


async def _with_told(
    transaction: Transaction, fresh: Sequence[Change], rows: dict[str, alerts.Kept], *, at: datetime
) -> list[_News]:
    """Decide how each is told: once told, always told in the same way."""
    first_told = {change.alert.rule_id for change in fresh if _is_first_told(change, rows)}
    before = Counter(
        await alerts.told_since(transaction, sorted(first_told), at=at, within=flood.WITHIN, most=flood.MOST)
        if first_told
        else {}
    )
    news = []
    for change in fresh:
        alert, row = change.alert, rows.get(change.alert.alert_id)
        if _is_first_told(change, rows):
            told_before = before[alert.rule_id]
            told = flood.told(alert.severity, alert.context, told_before=told_before, most=flood.MOST)
            before[alert.rule_id] += 1
        else:
            told = Told.NOBODY if row is None else Told(row.told)
        news.append(_News(change=change, row=row, told=told))
    return news


def _is_first_told(change: Change, rows: dict[str, alerts.Kept]) -> bool:
    row = rows.get(change.alert.alert_id)
    is_told = row is not None and row.told != Told.NOBODY
    is_in_force = change.alert.mode == "live" and not change.alert.is_suppressed
    return is_in_force and not is_told and not isinstance(change, Closed)


def _is_news(change: Change, row: alerts.Kept | None) -> bool:
    """Say whether it differs from what was announced, and may: an alert that became quiet stays closed.

    What rose and fell before anybody heard of it never was.
    """
    if isinstance(change, Closed):
        return row is not None and row.status == "open"
    if row is None:
        return True
    if row.status == "closed":
        return row.closure in _UNJUDGED
    return _content(change.alert) != row.content_hash or change.alert.severity != row.severity


async def _keep(transaction: Transaction, news: Sequence[_News], data: Sequence[AlertData], *, at: datetime) -> None:
    pairs = list(zip(news, data, strict=True))
    await alerts.save(transaction, [_saved(one, its) for one, its in pairs], at=at)
    await entities.save(transaction, [entities.Counted(data=its, counts=one.counts) for one, its in pairs])
    lines = [line for one in news for line in _lines(one)]
    await history.append(transaction, "alert", lines, actor_id=None, at=at)


def _saved(one: _News, data: AlertData) -> alerts.Saved:
    is_over = one.closure is not None and one.row is not None
    return alerts.Saved(
        data=data,
        body=data.model_dump_json(),
        closure=one.closure,
        content_hash=one.row.content_hash if is_over and one.row else _content(one.alert),
        told=one.told,
        state=one.state,
        has_new_evidence=one.has_new_evidence,
        verdict=one.row.verdict if one.row else None,
    )


def _lines(one: _News) -> Iterable[history.Line]:
    """Yield what the engine changed of what people see of an alert that they may have looked at."""
    if one.row is None:
        return
    if one.state != one.row.state:
        yield history.Line(about_id=one.alert.alert_id, step=Step("state", one.row.state, one.state))
    if one.has_new_evidence and not one.row.has_new_evidence:
        yield history.Line(about_id=one.alert.alert_id, step=Step("new_evidence", None, None))


def _joins(one: _News) -> bool:
    return one.is_in_force and one.closure is None


def _joining(one: _News, data: AlertData) -> Joining:
    return Joining(
        alert_id=one.alert.alert_id,
        first_seen=data.first_seen,
        last_seen=data.last_seen,
        entities=one.alert.entities,
        incident_id=one.row.incident_id if one.row else None,
    )


def _content(alert: Alert) -> bytes:
    """Return a hash of what the alert says; the place of evidence in Kafka is not part of it, nor are enrichments."""
    evidence = [(entry.time_ms, entry.source, entry.id, entry.role) for entry in alert.evidence]
    said = (alert.value, alert.first_seen_ms, alert.last_seen_ms, alert.related_events_count, evidence)
    quiet = (alert.mode, alert.is_suppressed, alert.suppressed_by)
    is_plain = quiet == ("live", False, ())
    return hashlib.sha256(msgspec.msgpack.encode(said if is_plain else (*said, *quiet))).digest()
