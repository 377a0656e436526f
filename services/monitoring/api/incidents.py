"""The incidents of a tenant: alerts that belong together, taken and judged together."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from nuxari_events.alerts import Severity

from services.monitoring import events
from services.monitoring.api import edge
from services.monitoring.domain.errors import Refusal
from services.monitoring.domain.incident_triage import Wish
from services.monitoring.domain.incidents import Incident, Members, State
from services.monitoring.domain.triage import Verdict
from services.monitoring.service import incident_triage as service
from services.monitoring.store import history
from services.monitoring.store import incidents as store
from shared.clock import Clock
from shared.persistence.database import Database
from shared.web import etags
from shared.web.bodies import RequestModel
from shared.web.paging import Cursor, Limit, page
from shared.web.problems import not_found


class IncidentTriageRequest(RequestModel):
    """What somebody makes of an incident, whole: without an assignee it is nobody's."""

    state: State
    verdict: Verdict | None = None
    assignee: edge.UserId | None = None
    reason: edge.Reason | None = None


def router(prefix: str, database: Database, clock: Clock) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=prefix, tags=["incidents"])

    @routes.get("")
    async def list_incidents(
        caller: edge.Viewer,
        *,
        state: State | None = None,
        severity: Severity | None = None,
        assignee: edge.UserFilter = None,
        entity: edge.EntityFilter = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        """Return a page of incidents, the one seen last first; merged ones only with `state=merged`."""
        wanted = store.Wanted(state=state, severity=severity, assignee=assignee, entity=edge.entity(entity))
        async with database.transaction(caller.tenant_id) as transaction:
            found = await store.page(transaction, wanted, before=edge.before(cursor), limit=limit + 1)
            members = await store.members(transaction, [one.incident_id for one in found])
        shown = page(found, limit=limit, key=lambda one: (one.last_seen.isoformat(), one.incident_id))
        return {**shown, "items": [_shown(one, members[one.incident_id]) for one in shown["items"]]}

    @routes.get("/{incident_id}")
    async def get_incident(caller: edge.Viewer, incident_id: edge.IdInPath, response: Response) -> dict[str, Any]:
        """Return one incident with its alerts in short, and the ETag of its triage."""
        async with database.transaction(caller.tenant_id) as transaction:
            found = await store.by_id(transaction, incident_id)
            if found is None:
                raise not_found("incident")
            members = await store.members(transaction, [incident_id])
            alerts = await store.alerts(transaction, incident_id)
        response.headers["ETag"] = etags.etag(found.triage_version)
        return {**_shown(found, members[incident_id]), "alerts": alerts}

    @routes.get("/{incident_id}/timeline")
    async def get_timeline(caller: edge.Viewer, incident_id: edge.IdInPath) -> dict[str, Any]:
        """Return what happened, in order: when each alert was first seen, what was merged, what people did."""
        async with database.transaction(caller.tenant_id) as transaction:
            if await store.by_id(transaction, incident_id) is None:
                raise not_found("incident")
            alerts = await store.alerts(transaction, incident_id)
            lines = await history.of(transaction, "incident", incident_id)
        items = [{"at": one["first_seen"], "kind": "alert", **one} for one in alerts]
        return {"items": sorted([*items, *lines], key=lambda one: (one["at"], one["kind"]))}

    @routes.put("/{incident_id}/triage")
    async def triage(
        request: Request,
        incident_id: edge.IdInPath,
        body: IncidentTriageRequest,
        caller: edge.Judge,
        response: Response,
    ) -> dict[str, Any]:
        """Set what people make of an incident; resolved, it resolves its alerts with the same verdict."""
        read_version = etags.required_version(request)
        wish = Wish(state=body.state, verdict=body.verdict, assignee=body.assignee, reason=body.reason)
        async with database.transaction(caller.tenant_id) as transaction:
            decision = await service.triage(
                transaction,
                incident_id,
                wish=wish,
                read_version=read_version,
                acting=edge.acting(request, caller),
                at=clock.now(),
            )
            members = await store.members(transaction, [incident_id])
        if isinstance(decision, Refusal):
            raise edge.problem(decision, what="incident")
        response.headers["ETag"] = etags.etag(decision.triage_version)
        return _shown(decision, members[incident_id])

    return routes


def _shown(incident: Incident, members: Members) -> dict[str, Any]:
    return {
        "incident_id": incident.incident_id,
        "state": incident.state,
        "verdict": incident.verdict,
        "assignee": incident.assignee,
        "severity": incident.severity,
        "summary": events.incident_summary(incident, members),
        "entities": [one._asdict() for one in members.entities],
        "rules": incident.rules,
        "alert_count": incident.alert_count,
        "alert_ids": members.alert_ids,
        "first_seen": incident.first_seen,
        "last_seen": incident.last_seen,
        "opened_at": incident.opened_at,
        "changed_at": incident.changed_at,
        "merged_into": incident.merged_into,
        "version": incident.triage_version,
    }
