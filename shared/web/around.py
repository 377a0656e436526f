"""What surrounds every request: an id, a trace, a log line, a metric, safe headers, and an answer whatever happens."""

from __future__ import annotations

import time

import structlog
from nuxari_events.ids import uuid7
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.telemetry import metrics, tracing
from shared.web import problems
from shared.web.problems import Problem

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_UNLOGGED = frozenset({"/live", "/ready", "/metrics"})
"""Asked every few seconds by machines; their metric is enough."""

_log = structlog.get_logger(__name__)


class Around:
    """Middleware, the outermost of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, with a problem document if the application could not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, request_id=uuid7())
        request = Request(scope, receive)
        with (
            structlog.contextvars.bound_contextvars(request_id=answer.request_id),
            tracing.continued(_trace(request), name="request"),
        ):
            started = time.perf_counter()
            try:
                await self._answered(request, answer)
            finally:
                _note(scope, answer.status, time.perf_counter() - started)

    async def _answered(self, request: Request, answer: _Answer) -> None:
        scope, receive = request.scope, request.receive
        try:
            _refuse_nul(scope)
            await self._app(scope, receive, answer.send)
        except Exception as error:
            if answer.status is not None:
                raise
            response = error.response() if isinstance(error, Problem) else await problems.unexpected(request, error)
            await response(scope, receive, answer.send)


class _Answer:
    """The way back: adds our headers and remembers the status."""

    def __init__(self, send: Send, *, request_id: str) -> None:
        self._send = send
        self.request_id = request_id
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            MutableHeaders(scope=message).update({**_HEADERS, "X-Request-Id": self.request_id})
        await self._send(message)


def _refuse_nul(scope: Scope) -> None:
    """Refuse what PostgreSQL cannot store in any text before it looks like a fault of ours."""
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise Problem(400, "bad-request", "the path or the query contains a NUL character")


def _trace(request: Request) -> str:
    given = request.headers.get("traceparent", "")
    return given if tracing.is_traceparent(given) else tracing.new_traceparent()


def _note(scope: Scope, status: int | None, seconds: float) -> None:
    """Log the route's template, not the path: ids in a path may be one-time secrets."""
    route = getattr(scope.get("route"), "path", "unrouted")
    method = scope["method"] if scope["method"] in _METHODS else "other"
    metrics.HTTP_SECONDS.labels(method, route, status or 500).observe(seconds)
    if route not in _UNLOGGED:
        _log.info("request", method=method, route=route, status=status or 500, seconds=round(seconds, 4))
