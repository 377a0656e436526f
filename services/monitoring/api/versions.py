"""Routes about the versions of the configuration: who made which, what it changed, and how to go back to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from services.monitoring.api import configuration_edge as edge
from services.monitoring.api import configuration_views as views
from services.monitoring.api.edge import Reason, acting
from services.monitoring.domain.change_requests import Action
from services.monitoring.domain.governance import Set, weakenings
from services.monitoring.service import intents
from services.monitoring.service.configuring import Intent
from services.monitoring.service.rulebooks import Rulebooks
from services.monitoring.store import configurations as store
from shared.clock import Clock
from shared.persistence.database import Database, Transaction
from shared.web.bodies import RequestModel
from shared.web.idempotency import once
from shared.web.paging import Cursor, Limit, decode_cursor, page
from shared.web.problems import Problem, not_found

Version = Annotated[int, Path(ge=0, le=2**31 - 1)]


class RestoreRequest(RequestModel):
    """Why an earlier version shall count again."""

    reason: Reason


def router(prefix: str, database: Database, clock: Clock, rulebooks: Rulebooks) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=f"{prefix}/detection-configuration/versions", tags=["configuration of detections"])

    @routes.get("")
    async def versions(caller: edge.Viewer, limit: Limit = 50, cursor: Cursor = None) -> dict[str, Any]:
        """Return who made which version, the newest first."""
        before = _before(decode_cursor(cursor))
        async with database.transaction(caller.tenant_id) as transaction:
            found = await store.versions(transaction, before=before, limit=limit + 1)
        return page([views.VersionView.of(one) for one in found], limit=limit, key=lambda one: str(one.version))

    @routes.get("/{version}")
    async def one_version(caller: edge.Viewer, version: Version) -> views.ConfigurationView:
        """Return a version as it was."""
        async with database.transaction(caller.tenant_id) as transaction:
            found = await store.of_version(transaction, version)
        if found is None:
            raise not_found("version")
        return views.ConfigurationView.of(found, await rulebooks.as_far_as_readable(found.own_rules))

    @routes.get("/{version}/changes")
    async def changes(caller: edge.Viewer, version: Version) -> Mapping[str, Any]:
        """Return what the version has that the one before it had not, and what that weakened."""
        async with database.transaction(caller.tenant_id) as transaction:
            after = await store.of_version(transaction, version)
            before = await store.of_version(transaction, version - 1) if version else None
        if after is None or before is None:
            raise not_found("version")
        old_book = await rulebooks.as_far_as_readable(before.own_rules)
        new_book = await rulebooks.as_far_as_readable(after.own_rules)
        weaker = weakenings(Set(before, old_book.facts), Set(after, new_book.facts))
        old, new = views.ConfigurationView.of(before, old_book), views.ConfigurationView.of(after, new_book)
        return {
            "version": version,
            "changes": views.differences(old, new, before.own_rules, after.own_rules),
            "weakens": views.weakenings(weaker, new_book),
        }

    @routes.post("/{version}/restore", response_model=views.OutcomeView)
    async def restore(request: Request, caller: edge.Manager, version: Version, body: RestoreRequest) -> Response:
        """Make a new version that is as that one was; where that weakens anything it waits for another person."""

        async def act(transaction: Transaction) -> views.OutcomeView | Problem:
            old = await store.of_version(transaction, version)
            if old is None:
                return not_found("version")
            at = clock.now()
            intent = Intent(
                action=Action.RESTORE,
                make=intents.restore(old.without_ended(at)),
                reason=body.reason,
                restored_version=version,
            )
            return await edge.changed(transaction, intent, rulebooks=rulebooks, acting=acting(request, caller), at=at)

        return await once(request, database=database, caller=caller, act=act, status=200)

    return routes


def _before(key: tuple[str, ...] | None) -> int | None:
    if key is None:
        return None
    if not (key[0].isascii() and key[0].isdecimal() and len(key[0]) <= 9):  # noqa: PLR2004 - digits
        raise Problem(400, "bad-cursor", "`cursor` must be `next` of an earlier page of this list")
    return int(key[0])
