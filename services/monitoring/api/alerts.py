"""The alerts of a tenant: looked for, counted, and judged."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from nuxari_events.alerts import Severity
from nuxari_events.envelope import Timestamp
from pydantic import Field

from services.monitoring.api import edge
from services.monitoring.domain.errors import Refusal
from services.monitoring.domain.triage import State, Triage, Verdict, Wish
from services.monitoring.service import triage as service
from services.monitoring.store import history, search
from shared.clock import Clock
from shared.persistence.database import Database, Transaction
from shared.web import etags
from shared.web.bodies import RequestModel
from shared.web.idempotency import once
from shared.web.paging import Cursor, Limit, page
from shared.web.problems import not_found

MOST_AT_ONCE = 100

_COUNTED = timedelta(days=30)
"""Over which statistics are made where no other span is named."""

Text = Annotated[str | None, Query(min_length=1, max_length=200, description="In title or summary.")]
Number = Annotated[int | None, Query(ge=0, le=10_000, description="Of the catalogue of detections.")]


class TriageRequest(RequestModel):
    """What somebody makes of an alert, whole: without an assignee it is nobody's."""

    state: State
    verdict: Verdict | None = None
    assignee: edge.UserId | None = None
    reason: edge.Reason | None = None

    def wish(self) -> Wish:
        """Return it as the domain knows it."""
        return Wish(state=self.state, verdict=self.verdict, assignee=self.assignee, reason=self.reason)


class BulkTriageRequest(TriageRequest):
    """What somebody makes of up to a hundred alerts alike: without an assignee each keeps its own."""

    alert_ids: Annotated[list[edge.UserId], Field(min_length=1, max_length=MOST_AT_ONCE)]
    unchanged_since: Timestamp | None = None
    """Those that were triaged after that time are refused."""


class NoteRequest(RequestModel):
    """What somebody wrote down."""

    text: edge.Reason


def router(prefix: str, database: Database, clock: Clock) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=prefix, tags=["alerts"])
    _looking(routes, database, clock)
    _judging(routes, database, clock)
    return routes


def _looking(routes: APIRouter, database: Database, clock: Clock) -> None:
    @routes.get("")
    async def list_alerts(  # noqa: PLR0913 - what a search can ask for
        caller: edge.Viewer,
        *,
        status: Literal["open", "closed"] | None = None,
        state: State | None = None,
        severity: Severity | None = None,
        detection: Number = None,
        entity: edge.EntityFilter = None,
        assignee: edge.UserFilter = None,
        text: Text = None,
        since: Timestamp | None = None,
        until: Timestamp | None = None,
        mode: Literal["live", "shadow"] = "live",
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        """Return a page of alerts, the one seen last first; `next` is the cursor of the page after it."""
        wanted = search.Wanted(
            status=status,
            state=state,
            severity=severity,
            rule_number=detection,
            entity=edge.entity(entity),
            assignee=assignee,
            text=text,
            since=since,
            until=until,
            mode=mode,
        )
        async with database.transaction(caller.tenant_id) as transaction:
            found = await search.page(transaction, wanted, before=edge.before(cursor), limit=limit + 1)
        return page(found, limit=limit, key=lambda alert: (alert["last_seen"], alert["alert_id"]))

    @routes.get("/statistics")
    async def count_alerts(
        caller: edge.Viewer,
        *,
        since: Timestamp | None = None,
        until: Timestamp | None = None,
        mode: Literal["live", "shadow"] = "live",
    ) -> dict[str, Any]:
        """Return how many alerts were raised, of what kind, and after how long people acted; of 30 days if not said."""
        end = until or clock.now()
        begin = since or end - _COUNTED
        async with database.transaction(caller.tenant_id) as transaction:
            counted = await search.statistics(transaction, since=begin, until=end, mode=mode)
        return {"since": begin, "until": end, **counted}

    @routes.get("/{alert_id}")
    async def get_alert(caller: edge.Viewer, alert_id: edge.IdInPath, response: Response) -> dict[str, Any]:
        """Return one alert with its evidence, and the ETag of its triage."""
        async with database.transaction(caller.tenant_id) as transaction:
            found = await search.by_id(transaction, alert_id)
        if found is None:
            raise not_found("alert")
        response.headers["ETag"] = etags.etag(found["version"])
        return found

    @routes.get("/{alert_id}/history")
    async def get_history(caller: edge.Viewer, alert_id: edge.IdInPath) -> dict[str, Any]:
        """Return what was done with the alert, notes included, in order."""
        async with database.transaction(caller.tenant_id) as transaction:
            if await search.by_id(transaction, alert_id) is None:
                raise not_found("alert")
            return {"items": await history.of(transaction, "alert", alert_id)}


def _judging(routes: APIRouter, database: Database, clock: Clock) -> None:
    @routes.post("/triage")
    async def triage_many(request: Request, body: BulkTriageRequest, caller: edge.Judge) -> Response:
        """Set what people make of up to a hundred alerts; each is done or refused by itself."""

        async def act(transaction: Transaction) -> Any:  # noqa: ANN401 - a view
            decided = await service.triage_all(
                transaction,
                body.alert_ids,
                wish=body.wish(),
                unchanged_since=body.unchanged_since,
                acting=edge.acting(request, caller),
                at=clock.now(),
            )
            return {"items": [_decided(alert_id, decision) for alert_id, decision in decided.items()]}

        return await once(request, database=database, caller=caller, act=act, status=200)

    @routes.put("/{alert_id}/triage")
    async def triage(
        request: Request, alert_id: edge.IdInPath, body: TriageRequest, caller: edge.Judge, response: Response
    ) -> dict[str, Any]:
        """Set what people make of an alert; nobody does so of one about themselves."""
        read_version = etags.required_version(request)
        async with database.transaction(caller.tenant_id) as transaction:
            decision = await service.triage(
                transaction,
                alert_id,
                wish=body.wish(),
                read_version=read_version,
                acting=edge.acting(request, caller),
                at=clock.now(),
            )
        if isinstance(decision, Refusal):
            raise edge.problem(decision, what="alert")
        response.headers["ETag"] = etags.etag(decision.version)
        return {"alert_id": alert_id, **_shown(decision)}

    @routes.post("/{alert_id}/notes", status_code=201)
    async def add_note(request: Request, alert_id: edge.IdInPath, body: NoteRequest, caller: edge.Judge) -> Response:
        """Write something down about an alert, for good."""

        async def act(transaction: Transaction) -> Any:  # noqa: ANN401 - a view or a problem
            decision = await service.note(
                transaction, alert_id, text=body.text, acting=edge.acting(request, caller), at=clock.now()
            )
            if isinstance(decision, Refusal):
                return edge.problem(decision, what="alert")
            return {"note_id": decision.note_id, "alert_id": alert_id, **_shown(decision.triage)}

        return await once(request, database=database, caller=caller, act=act)


def _shown(triage: Triage) -> dict[str, Any]:
    return {
        "state": triage.state,
        "verdict": triage.verdict,
        "assignee": triage.assignee,
        "version": triage.version,
        "has_new_evidence": triage.has_new_evidence,
        "acknowledged_at": triage.acknowledged_at,
        "resolved_at": triage.resolved_at,
        "triaged_at": triage.changed_at,
    }


def _decided(alert_id: str, decision: Triage | Refusal) -> dict[str, Any]:
    if isinstance(decision, Refusal):
        return {"alert_id": alert_id, "outcome": decision.code, "detail": decision.detail}
    return {"alert_id": alert_id, "outcome": "done", **_shown(decision)}
