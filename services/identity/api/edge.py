"""What every route of the service shares: its tools, who acts, how a refusal is answered, and the form of ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import Path, Request
from nuxari_events.roles import Role
from pydantic import StringConstraints

from services.identity.domain.errors import Refusal
from services.identity.keys import Seal
from services.identity.passwords import Passwords
from services.identity.service.acting import Acting
from shared.access.permissions import may, needed_to_assign
from shared.access.tokens import Caller, TokenIssuer
from shared.clock import Clock
from shared.persistence.database import Database
from shared.web.problems import Problem

LONGEST_AGENT = 512
"""Characters of a user agent that are kept."""

_ID = r"^[^\x00-\x1f\x7f]{1,256}$"

IdInPath = Annotated[str, Path(pattern=_ID)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2048)]
"""Why something is decided, for the audit log: 2,048 characters at most."""

Password = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=6, max_length=32)]
"""Six digits of an authenticator, or a recovery code."""

_STATUS = {
    "not-found": 404,
    "credentials-wrong": 401,
    "code-needed": 401,
    "refresh-token-invalid": 401,
    "password-wrong": 403,
    "own-role": 403,
    "own-account": 403,
    "role-out-of-reach": 403,
    "mfa-required": 403,
    "account-locked": 403,
    "code-wrong": 422,
    "link-invalid": 410,
    "bad-email": 422,
    "bad-end": 422,
    "password-too-short": 422,
    "password-too-long": 422,
    "password-too-simple": 422,
}
"""HTTP status of each refusal that is not a conflict (409) with how things stand."""


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What the routes work with."""

    database: Database
    clock: Clock
    seal: Seal
    passwords: Passwords
    issuer: TokenIssuer


def problem(refusal: Refusal) -> Problem:
    """Return the problem document of a refusal."""
    facts: dict[str, Any] = dict(refusal.facts)
    return Problem(_STATUS.get(refusal.code, 409), refusal.code, refusal.detail, **facts)


def acting(request: Request, caller: Caller) -> Acting:
    """Return who acts and from where."""
    return Acting(
        actor_id=caller.user_id,
        session_id=caller.session_id,
        address=address(request),
        user_agent=_user_agent(request),
        correlation_id=_request_id(),
        may_assign=lambda role: may(caller.roles, needed_to_assign(Role(role))),
    )


def somebody(request: Request) -> Acting:
    """Return that somebody acts who is not known yet."""
    return Acting(address=address(request), user_agent=_user_agent(request), correlation_id=_request_id())


def address(request: Request) -> str | None:
    """Return the address the request came from."""
    return request.client.host if request.client else None


def _user_agent(request: Request) -> str | None:
    return request.headers.get("user-agent", "")[:LONGEST_AGENT] or None


def _request_id() -> str | None:
    return structlog.contextvars.get_contextvars().get("request_id")
