"""What is announced to a tenant, as server-sent events: in order, from where a reader was, for as long as they may."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from services.monitoring import events
from services.monitoring.api import edge
from services.monitoring.store import changes
from services.monitoring.store.changes import Change
from services.monitoring.store.feed import Feed
from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.errors import TransientError
from shared.persistence.database import Database
from shared.web.guards import Requires
from shared.web.problems import Problem

MEDIA_TYPE = "text/event-stream"

CHECKED_EVERY = timedelta(seconds=0.5)
"""How soon a token that was voided ends its stream: inside the second in which that must take effect."""

LOOKED_EVERY = timedelta(seconds=5)
"""How long a wake-up that was missed can delay an announcement."""

HEARTBEAT_EVERY = timedelta(seconds=15)
"""Proxies cut connections off over which nothing comes for half a minute or so."""

MOST_OF_A_TENANT = 20

MOST = 200
"""Of one process, of the 500 connections that it takes."""

_AT_ONCE = 100

_may_view = Requires(Permission.VIEW_SECURITY_EVENTS)


class Places:
    """How many streams there are, and how many more there may be."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()

    def take(self, tenant_id: str) -> None:
        """Take a place.

        Raises:
            Problem: 429, there is none left.
        """
        if self._taken[tenant_id] >= MOST_OF_A_TENANT or self._taken.total() >= MOST:
            raise Problem(
                429, "too-many-streams", "too many streams are open; close one", headers={"Retry-After": "10"}
            )
        self._taken[tenant_id] += 1

    def give_back(self, tenant_id: str) -> None:
        """Give a place back."""
        self._taken[tenant_id] -= 1
        self._taken += Counter()  # forgets those that have none


class _Stream(StreamingResponse):
    """A response that gives its place back however it ends, also before it began."""

    def __init__(self, content: AsyncIterator[str], *, places: Places, tenant_id: str) -> None:
        super().__init__(content, media_type=MEDIA_TYPE, headers={"X-Accel-Buffering": "no"})
        self._places = places
        self._tenant_id = tenant_id

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._places.give_back(self._tenant_id)


def router(prefix: str, database: Database, feed: Feed) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix=prefix, tags=["alerts"])
    places = Places()

    @routes.get("/stream", response_class=StreamingResponse, responses={200: {"content": {MEDIA_TYPE: {}}}})
    async def stream(request: Request, caller: edge.Viewer) -> Response:
        """Send what `security.alerts` says of the tenant as it is said, after `Last-Event-ID` where that is given.

        `event` is the short type, `data` the CloudEvent; of an alert it has what the alert says now. `reset` says that
        what came before is no longer kept: read the alerts anew. `end` says why the stream ends, as when the token is
        no longer valid. It must be asked for as `Accept: text/event-stream`, since it never ends by itself.
        """
        if MEDIA_TYPE not in request.headers.get("accept", ""):
            raise Problem(406, "not-acceptable", f"this only comes as {MEDIA_TYPE}: ask for it in Accept")
        last = _last_event_id(request)
        places.take(caller.tenant_id)
        return _Stream(
            _said(request, caller, last, database=database, feed=feed), places=places, tenant_id=caller.tenant_id
        )

    return routes


def _last_event_id(request: Request) -> int | None:
    given = request.headers.get("last-event-id")
    if given is None or given == "":
        return None
    if not (given.isascii() and given.isdecimal() and len(given) <= 18):  # noqa: PLR2004 - digits of a bigint
        raise Problem(400, "bad-last-event-id", "Last-Event-ID must be the id of an earlier event of this stream")
    return int(given)


async def _said(
    request: Request, caller: Caller, last: int | None, *, database: Database, feed: Feed
) -> AsyncIterator[str]:
    """Yield the events until the caller may no longer have them."""
    tenant_id = caller.tenant_id
    with feed.waiting(tenant_id) as woken:
        position, was_lost = await _start(database, tenant_id, last)
        yield "retry: 2000\n\n"
        if was_lost:
            yield _event("reset", {"reason": "what came before is no longer kept"}, id_=position)
        looked_at, said_at = float("-inf"), time.monotonic()
        while (reason := await _refusal(request)) is None:
            if woken.is_set() or time.monotonic() - looked_at >= LOOKED_EVERY.total_seconds():
                woken.clear()
                looked_at = time.monotonic()
                for change in await _after(database, tenant_id, position):
                    position, said_at = change.sequence, time.monotonic()
                    yield _event(change.type, _cloud_event(tenant_id, change), id_=change.sequence)
                    woken.set()  # there may be more
            if time.monotonic() - said_at >= HEARTBEAT_EVERY.total_seconds():
                said_at = time.monotonic()
                yield ": still here\n\n"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), CHECKED_EVERY.total_seconds())
        yield _event("end", {"reason": reason})


async def _start(database: Database, tenant_id: str, last: int | None) -> tuple[int, bool]:
    """Return after which announcement to begin, and whether some before it are lost: without a last one, at the end."""
    async with database.transaction(tenant_id) as transaction:
        oldest, newest = await changes.bounds(transaction)
    if last is None:
        return newest, False
    return (newest, True) if not oldest <= last <= newest else (last, False)


async def _after(database: Database, tenant_id: str, position: int) -> list[Change]:
    """Return what was announced since; nothing while PostgreSQL is away."""
    try:
        async with database.transaction(tenant_id) as transaction:
            return await changes.after(transaction, position, limit=_AT_ONCE)
    except TransientError:
        return []


async def _refusal(request: Request) -> str | None:
    """Return why the caller may not go on; None if they may, or if nobody can say now."""
    try:
        await _may_view(request)
    except Problem as refused:
        return refused.code
    except TransientError:
        return "unavailable"
    return None


def _cloud_event(tenant_id: str, change: Change) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": change.event_id,
        "source": events.SOURCE,
        "type": f"nuxari.security.{change.type}.v1",
        "time": change.at.isoformat().replace("+00:00", "Z"),
        "subject": change.subject,
        "tenantid": tenant_id,
        **({"actorid": change.actor_id} if change.actor_id else {}),
        "datacontenttype": "application/json",
        "data": change.data,
    }


def _event(kind: str, data: dict[str, object], *, id_: int | None = None) -> str:
    """Return one event as it goes over the wire; JSON has no line breaks, so `data` is one line."""
    head = "" if id_ is None else f"id: {id_}\n"
    return f"{head}event: {kind}\ndata: {json.dumps(data)}\n\n"
