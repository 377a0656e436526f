"""The HTTP application of a service: after this, a service only lists its routers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI

from shared.access.tokens import TokenVerifier
from shared.clock import Clock
from shared.web import problems, validation
from shared.web.around import Around
from shared.web.bodies import BodyLimit
from shared.web.guards import assert_guarded
from shared.web.health import Check, standing

__all__ = ["Check", "build_app"]


def build_app(
    *,
    title: str,
    routers: Sequence[APIRouter],
    verifier: TokenVerifier,
    clock: Clock,
    checks: Mapping[str, Check],
    asyncapi: Mapping[str, Any] | None = None,
) -> FastAPI:
    """Return the application with the service's routes, health, metrics, problem documents and guards.

    Raises:
        RuntimeError: a route is neither guarded nor public.
    """
    app = FastAPI(
        title=title,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours do it, and write no exception's text
    )
    app.state.verifier = verifier
    app.state.clock = clock
    problems.install(app)
    validation.install(app)
    for router in (*routers, standing(app, checks=checks, asyncapi=asyncapi or {})):
        app.include_router(router)
    assert_guarded(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(Around)
    return app
