"""The detections that a tenant has, as a security admin reads and sets them: the pack's, then the tenant's own."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from services.monitoring.api import configuration_edge as edge
from services.monitoring.api import configuration_views as views
from services.monitoring.api.edge import IdInPath, Reason, acting
from services.monitoring.domain.change_requests import Action
from services.monitoring.domain.configuration import Configuration
from services.monitoring.domain.program import Program
from services.monitoring.domain.rule_facts import RuleFacts
from services.monitoring.service import intents
from services.monitoring.service.configurations import Configurations
from services.monitoring.service.configuring import Intent
from services.monitoring.service.rulebooks import Rulebook, Rulebooks
from services.monitoring.store import configurations as store
from shared.clock import Clock
from shared.persistence.database import Database
from shared.web import etags
from shared.web.problems import not_found


class DetectionForm(edge.TuningForm):
    """What is set for one detection, whole, and why."""

    reason: Reason


def router(
    prefix: str, database: Database, clock: Clock, rulebooks: Rulebooks, configurations: Configurations[Program]
) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=f"{prefix}/detections", tags=["detections"])

    async def current(tenant_id: str) -> tuple[Configuration, Rulebook]:
        async with database.transaction(tenant_id) as transaction:
            found = await store.current(transaction)
        return found.without_ended(clock.now()), await rulebooks.as_far_as_readable(found.own_rules)

    def versions(tenant_id: str) -> dict[str, str]:
        programs = (configurations.default.made, configurations.made_for(tenant_id))
        return {one.rule.head.id: one.version for program in programs for one in program.ready if one.about is not None}

    @routes.get("")
    async def list_detections(caller: edge.Viewer) -> dict[str, Any]:
        """Return every detection with what counts for the tenant."""
        configuration, book = await current(caller.tenant_id)
        known = versions(caller.tenant_id)
        return {"items": [_described(one, configuration, known) for one in book.facts.values()]}

    @routes.get("/{detection_id}")
    async def get_detection(caller: edge.Viewer, detection_id: IdInPath, response: Response) -> dict[str, Any]:
        """Return one detection by its name or rule's id, with the text of its file and the configuration's ETag."""
        configuration, book = await current(caller.tenant_id)
        found = book.find(detection_id)
        if found is None:
            raise not_found("detection")
        response.headers["ETag"] = etags.etag(configuration.version)
        described = _described(found, configuration, versions(caller.tenant_id))
        exceptions = [
            views.ExceptionView.of(one, book) for one in configuration.exceptions if one.rule == found.head.id
        ]
        return {**described, "exceptions": exceptions, "file": _file_of(found, configuration, book)}

    @routes.put("/{detection_id}")
    async def set_detection(
        request: Request, caller: edge.Manager, detection_id: IdInPath, body: DetectionForm, response: Response
    ) -> views.OutcomeView:
        """Set one detection; what weakens it waits for another person (202)."""
        intent = Intent(
            action=Action.SETTINGS,
            make=intents.tune(detection_id, body.tuning()),
            reason=body.reason,
            read_version=etags.required_version(request),
        )
        async with database.transaction(caller.tenant_id) as transaction:
            found = await edge.changed(
                transaction, intent, rulebooks=rulebooks, acting=acting(request, caller), at=clock.now()
            )
        return edge.answered(found, response)

    return routes


def _described(facts: RuleFacts, configuration: Configuration, versions: dict[str, str]) -> dict[str, Any]:
    """Return what counts; `defaults` are what the detection itself says."""
    head, tuning = facts.head, configuration.tuning(facts.head.id)
    severity, threshold, timespan = facts.tuned(tuning)
    extensions = head.extensions
    return {
        "id": facts.name,
        "rule_id": head.id,
        "number": extensions.get("detection", 0),
        "origin": "own" if facts.is_own else "pack",
        "title": head.title,
        "description": head.description.strip(),
        "mode": tuning.mode,
        "severity": severity,
        "threshold": threshold,
        "timespan_seconds": None if timespan is None else int(timespan.total_seconds()),
        "defaults": {
            "severity": facts.severity,
            "threshold": facts.threshold,
            "timespan_seconds": None if facts.timespan is None else int(facts.timespan.total_seconds()),
        },
        "version": versions.get(head.id),
        "exception_count": sum(one.rule == head.id for one in configuration.exceptions),
        "group_by": [name.removeprefix("data.") for name in _group_by(facts)],
        "attack": [
            {"id": one, "version": version} for version, ids in extensions.get("attack", {}).items() for one in ids
        ],
        "event_types": list(extensions.get("needs", ())),
        "false_positives": list(head.false_positives),
        "runbook": extensions.get("runbook"),
    }


def _group_by(facts: RuleFacts) -> tuple[str, ...]:
    return facts.correlation.group_by if facts.correlation else tuple(facts.head.extensions.get("group_by", ()))


def _file_of(facts: RuleFacts, configuration: Configuration, book: Rulebook) -> dict[str, str] | None:
    """Return the file that the rule stands in."""
    files = configuration.own_rules if facts.is_own else book.pack.texts
    return next(({"name": name, "text": text} for name, text in files.items() if facts.head.id in text), None)
