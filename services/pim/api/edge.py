"""What every route of the service shares: who acts, how a refusal is answered, and the form of ids and texts."""

from __future__ import annotations

from typing import Annotated, Any

import structlog
from fastapi import Path, Query, Request
from nuxari_events.roles import Role
from pydantic import StringConstraints

from services.pim.domain.errors import Refusal
from services.pim.service.acting import Acting
from shared.access.permissions import may, needed_to_assign
from shared.access.tokens import Caller
from shared.web.problems import Problem

_ID = r"^[^\x00-\x1f\x7f]{1,256}$"

IdInPath = Annotated[str, Path(pattern=_ID)]
UserFilter = Annotated[str | None, Query(pattern=_ID, description="Only this user's.")]
RoleFilter = Annotated[Role | None, Query(description="Only of this role.")]

UserId = Annotated[str, StringConstraints(pattern=_ID)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2048, pattern=r"^[^\x00]*$")]
"""Why something is decided, for the audit log: 2,048 characters at most."""

_STATUS = {
    "not-found": 404,
    "own-eligibility": 403,
    "role-out-of-reach": 403,
    "mfa-required": 403,
    "governed-action": 403,
    "version-stale": 412,
    "starts-in-the-past": 422,
    "starts-too-late": 422,
    "ends-before-start": 422,
    "eligibility-too-long": 422,
    "justification-too-short": 422,
    "duration-too-long": 422,
    "maximum-out-of-range": 422,
    "justification-out-of-range": 422,
}
"""HTTP status of each refusal that is not a conflict (409) with how things stand."""

_OWNERS_ONLY = frozenset({Role.CLIENT_OWNER, Role.CLIENT_ADMIN})
"""Roles that the matrix lets an owner alone assign; eligibility must not be a way around it."""


def problem(refusal: Refusal) -> Problem:
    """Return the problem document of a refusal."""
    facts: dict[str, Any] = dict(refusal.facts)
    return Problem(_STATUS.get(refusal.code, 409), refusal.code, refusal.detail, **facts)


def acting(request: Request, caller: Caller) -> Acting:
    """Return who acts and from where."""
    return Acting(
        actor_id=caller.user_id,
        session_id=caller.session_id,
        address=request.client.host if request.client else None,
        correlation_id=structlog.contextvars.get_contextvars().get("request_id"),
        may_assign=lambda role: _reaches(caller, Role(role)),
    )


def _reaches(caller: Caller, role: Role) -> bool:
    return role not in _OWNERS_ONLY or may(caller.roles, needed_to_assign(role))
