"""Who may call a route: each names its permission or says that it is public; the app does not start otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from shared.access.permissions import FRESH_MFA, Permission, may
from shared.access.tokens import FRESH, Caller, InvalidTokenError
from shared.web.problems import Problem, not_found

TENANT = "tenant_id"
"""The path parameter that names the tenant."""


@dataclass(frozen=True)
class Requires:
    """Dependency: the caller, who is of the path's tenant and has the permission (and fresh MFA where asked for).

    Raises in this order: 401 without a valid token, 404 for another tenant (as if it did not exist), 403 without the
    permission, 403 `mfa-required` without fresh MFA.
    """

    permission: Permission
    fresh_mfa: bool | None = None
    """None: if the permission always takes it; False says that this use of it is one of those that do not."""

    @property
    def takes_fresh_mfa(self) -> bool:
        """Whether the caller must have shown a second factor in the last minutes (NUXARI.md, rule 4)."""
        return self.permission in FRESH_MFA if self.fresh_mfa is None else self.fresh_mfa

    async def __call__(self, request: Request) -> Caller:
        """Return the caller, or raise a Problem."""
        at: datetime = request.app.state.clock.now()
        caller = await authenticated(request, at)
        if TENANT in request.path_params and request.path_params[TENANT] != caller.tenant_id:
            raise not_found("tenant")
        require(caller, self.permission)
        if self.takes_fresh_mfa:
            require_fresh_mfa(caller, at)
        return caller


@dataclass(frozen=True)
class Public:
    """Dependency that marks a route as open to everyone."""

    async def __call__(self) -> None:
        """Let everyone pass."""


@dataclass(frozen=True, kw_only=True)
class RouteGuard:
    """What guards one route."""

    method: str
    path: str
    permission: Permission | None
    fresh_mfa: bool
    public: bool


async def authenticated(request: Request, at: datetime) -> Caller:
    """Return the bearer of the request's access token (RFC 6750).

    Raises:
        Problem: 401 with the reason.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _unauthenticated("token-missing")
    try:
        caller: Caller = await request.app.state.verifier.verify(token.strip(), at=at)
    except InvalidTokenError as error:
        raise _unauthenticated(error.code) from None
    return caller


def require(caller: Caller, permission: Permission) -> None:
    """Refuse a caller without the permission: for one that only the request's body tells, such as a role's."""
    if not may(caller.roles, permission):
        raise Problem(403, "permission-denied", f"this takes the permission {permission}", permission=permission)


def require_fresh_mfa(caller: Caller, at: datetime) -> None:
    """Refuse a caller whose second factor was shown too long ago, or never (NUXARI.md, rule 4)."""
    if not caller.has_fresh_mfa(at):
        raise Problem(
            403,
            "mfa-required",
            "this takes a second factor shown in this session within the last minutes",
            max_age=int(FRESH.total_seconds()),
        )


def guards(app: FastAPI) -> list[RouteGuard]:
    """Return what guards each route of the app."""
    return [guard for context in iter_route_contexts(app.routes) for guard in _guards_of(context)]


def assert_guarded(app: FastAPI) -> None:
    """Refuse to start with a route that nobody guards, or that is both guarded and public."""
    for guard in guards(app):
        if guard.public == (guard.permission is not None):
            raise RuntimeError(f"{guard.method} {guard.path} needs exactly one of Requires(...) and Public()")


async def refusal(request: Request) -> Problem | None:
    """Return why the caller may not use the route, before a word is said about the rest of the request."""
    route = request.scope.get("route")
    calls = _calls(route.dependant) if isinstance(route, APIRoute) else ()
    try:
        for call in calls:
            if isinstance(call, Requires):
                await call(request)
    except Problem as refused:
        return refused
    return None


def _guards_of(context: RouteContext) -> Iterator[RouteGuard]:
    """Read a route's guard; a mount, a socket or a plain Starlette route has none and is thereby refused."""
    calls = list(_calls(context.dependant)) if isinstance(context.original_route, APIRoute) else []
    required = next((call for call in calls if isinstance(call, Requires)), None)
    for method in sorted(context.methods or {"ANY"}):
        yield RouteGuard(
            method=method,
            path=context.path or "",
            permission=required.permission if required else None,
            fresh_mfa=required.takes_fresh_mfa if required else False,
            public=any(isinstance(call, Public) for call in calls),
        )


def _calls(dependant: Dependant) -> Iterator[Any]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)


def _unauthenticated(code: str) -> Problem:
    """Return the 401; RFC 6750 names an error only if there was a token at all."""
    challenge = "Bearer" if code == "token-missing" else f'Bearer error="invalid_token", error_description="{code}"'
    return Problem(
        401,
        code,
        "this takes a valid access token: Authorization: Bearer ...",
        headers={"WWW-Authenticate": challenge},
    )
