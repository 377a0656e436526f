"""Routes about the configuration as a whole: what counts, and what each process runs of it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.monitoring.api import configuration_edge as edge
from services.monitoring.api import configuration_views as views
from services.monitoring.api.edge import acting
from services.monitoring.domain.change_requests import Action
from services.monitoring.service import intents
from services.monitoring.service.configuring import Intent
from services.monitoring.service.rulebooks import Rulebooks
from services.monitoring.store import configurations as store
from services.monitoring.store import replicas
from shared.clock import Clock
from shared.persistence.database import Database
from shared.web import etags


def router(prefix: str, database: Database, clock: Clock, rulebooks: Rulebooks) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=f"{prefix}/detection-configuration", tags=["configuration of detections"])

    @routes.get("")
    async def current(caller: edge.Viewer, response: Response) -> views.ConfigurationView:
        """Return what counts, with its ETag."""
        async with database.transaction(caller.tenant_id) as transaction:
            found = await store.current(transaction)
        response.headers["ETag"] = etags.etag(found.version)
        book = await rulebooks.as_far_as_readable(found.own_rules)
        return views.ConfigurationView.of(found.without_ended(clock.now()), book)

    @routes.put("")
    async def set_(
        request: Request, caller: edge.Manager, body: edge.SettingsForm, response: Response
    ) -> views.OutcomeView:
        """Set networks, hours and detections; what weakens anything waits for another person (202)."""
        intent = Intent(
            action=Action.SETTINGS,
            make=intents.settings(body.surroundings(), body.tunings()),
            reason=body.reason,
            read_version=etags.required_version(request),
        )
        async with database.transaction(caller.tenant_id) as transaction:
            found = await edge.changed(
                transaction, intent, rulebooks=rulebooks, acting=acting(request, caller), at=clock.now()
            )
        return edge.answered(found, response)

    @routes.get("/status")
    async def status(caller: edge.Viewer) -> views.StatusView:
        """Return the newest version and what each process runs; a new one counts everywhere within two seconds."""
        async with database.transaction(caller.tenant_id) as transaction:
            wanted = await store.current_version(transaction)
            runs = {one.replica: one for one in await replicas.running(transaction)}
            living = await replicas.living(transaction)
        shown = [views.ReplicaView.of(name, runs.get(name)) for name in living]
        is_effective = all(one.version == wanted and one.error is None for one in shown)
        return views.StatusView(wanted=wanted, effective=is_effective, replicas=shown)

    return routes
