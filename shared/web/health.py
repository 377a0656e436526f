"""What a service says of itself over HTTP: alive, ready and if not why, its metrics, its interfaces."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import structlog
from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.web.guards import Public
from shared.web.openapi import description

Check = Callable[[], Awaitable[str | None]]
"""Returns None when all is well, else what is wrong in a few words."""

PATIENCE = timedelta(seconds=3)
"""A check that takes longer has failed: whoever asks for readiness has a deadline of their own."""

_log = structlog.get_logger(__name__)


def standing(
    app: FastAPI, *, checks: Mapping[str, Check], asyncapi: Mapping[str, Any], patience: timedelta = PATIENCE
) -> APIRouter:
    """Return the routes that every service has: `/live`, `/ready`, `/metrics`, `/openapi.json`, `/asyncapi.json`."""
    router = APIRouter(dependencies=[Depends(Public())], include_in_schema=False)

    @router.get("/live")
    async def live() -> dict[str, str]:
        """Say that the process runs."""
        return {"status": "live"}

    @router.get("/ready")
    async def ready() -> JSONResponse:
        """Say honestly whether it does its work: 200, or 503 with what is wrong."""
        return await _readiness(checks, patience)

    @router.get("/metrics")
    async def exposed() -> Response:
        """Return the metrics in Prometheus' text format."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/openapi.json")
    async def openapi() -> JSONResponse:
        """Return what this HTTP interface offers."""
        return JSONResponse(description(app))

    @router.get("/asyncapi.json")
    async def events() -> JSONResponse:
        """Return what is said over Kafka."""
        return JSONResponse(dict(asyncapi))

    return router


async def _readiness(checks: Mapping[str, Check], patience: timedelta) -> JSONResponse:
    details = await asyncio.gather(*(_checked(name, check, patience) for name, check in checks.items()))
    ready = all(detail is None for detail in details)
    body = {
        "status": "ready" if ready else "not ready",
        "checks": {
            name: {"ok": detail is None, "detail": detail} for name, detail in zip(checks, details, strict=True)
        },
    }
    return JSONResponse(body, status_code=200 if ready else 503)


async def _checked(name: str, check: Check, patience: timedelta) -> str | None:
    try:
        return await asyncio.wait_for(check(), patience.total_seconds())
    except TimeoutError:
        return f"no answer within {patience.total_seconds():g} s"
    except Exception as error:  # noqa: BLE001 - a broken check is an answer, not a failed request
        _log.exception("a readiness check failed itself", check=name)
        return f"the check failed: {type(error).__name__}"
