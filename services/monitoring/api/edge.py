"""What every route of triage shares: who acts, how a refusal is answered, and the form of ids and texts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import structlog
from fastapi import Depends, Path, Query, Request
from pydantic import StringConstraints

from services.monitoring.domain.errors import Refusal
from services.monitoring.domain.model import Entity
from services.monitoring.service.acting import Acting
from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.web.guards import Requires
from shared.web.paging import decode_cursor
from shared.web.problems import Problem, not_found

_ID = r"^[^\x00-\x1f\x7f]{1,256}$"

Viewer = Annotated[Caller, Depends(Requires(Permission.VIEW_SECURITY_EVENTS))]
Judge = Annotated[Caller, Depends(Requires(Permission.MANAGE_SECURITY_EVENTS))]

IdInPath = Annotated[str, Path(pattern=_ID)]
UserFilter = Annotated[str | None, Query(pattern=_ID, description="Only what is assigned to this user.")]
EntityFilter = Annotated[
    str | None,
    Query(pattern=r"^[a-z]{1,32}:[^\x00-\x1f\x7f]{1,256}$", description="Only about this one, as `user:ada`."),
]
KindFilter = Annotated[str | None, Query(pattern=r"^[a-z]{1,32}$", description="Only of this kind, as `user`.")]

UserId = Annotated[str, StringConstraints(pattern=_ID)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2048, pattern=r"^[^\x00]*$")]
"""Why something is decided, for everybody who looks at it later: 2,048 characters at most."""

_STATUS = {
    "not-found": 404,
    "own-alert": 403,
    "own-incident": 403,
    "suppression-is-governed": 403,
    "version-stale": 412,
    "verdict-missing": 422,
    "verdict-without-resolution": 422,
    "reason-missing": 422,
}
"""HTTP status of each refusal that is not a conflict (409) with how things stand."""


def problem(refusal: Refusal, *, what: str) -> Problem:
    """Return the problem document of a refusal about an alert or incident."""
    if refusal.code == "not-found":
        return not_found(what)
    facts: dict[str, Any] = dict(refusal.facts)
    return Problem(_STATUS.get(refusal.code, 409), refusal.code, refusal.detail, **facts)


def acting(request: Request, caller: Caller) -> Acting:
    """Return who acts and from where."""
    return Acting(
        actor_id=caller.user_id,
        session_id=caller.session_id,
        address=request.client.host if request.client else None,
        correlation_id=structlog.contextvars.get_contextvars().get("request_id"),
    )


def entity(text: str | None) -> Entity | None:
    """Return whom `kind:id` names."""
    if text is None:
        return None
    kind, _, entity_id = text.partition(":")
    return Entity(kind, entity_id)


def before(cursor: str | None) -> tuple[datetime, str] | None:
    """Return where a list that is sorted by time and id goes on.

    Raises:
        Problem: 400, the cursor is none of such a list.
    """
    key = decode_cursor(cursor, parts=2)
    if key is None:
        return None
    try:
        moment = datetime.fromisoformat(key[0])
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Problem(400, "bad-cursor", "`cursor` must be `next` of an earlier page of this list")
    return moment, key[1]
