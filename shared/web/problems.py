"""Errors over HTTP as RFC 9457 problem documents: what was wrong, where, and what would be right, never the input."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from nuxari_events.ids import uuid7
from starlette.exceptions import HTTPException

from shared.errors import TransientError

MEDIA_TYPE = "application/problem+json"

_log = structlog.get_logger(__name__)

_FRAMEWORK = {
    400: ("bad-request", "the body cannot be read"),
    404: ("not-found", "there is nothing at this path"),
    405: ("method-not-allowed", "this path does not take this method"),
    413: ("too-large", "the body is too large"),
}


class Problem(Exception):  # noqa: N818 - the name of the thing in RFC 9457
    """A refusal with a stable `code`, a sentence for a person, and members of its own."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members

    def response(self) -> JSONResponse:
        """Return the problem document."""
        body: dict[str, Any] = {
            "type": f"urn:nuxari:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.members,
        }
        return JSONResponse(body, status_code=self.status, media_type=MEDIA_TYPE, headers=self.headers)


def not_found(what: str) -> Problem:
    """Return the problem of something that does not exist, or not for this caller."""
    return Problem(404, "not-found", f"there is no such {what}")


def install(app: FastAPI) -> None:
    """Answer refusals and outages with a problem document; `validation` does bad requests, `around` does bugs."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(TransientError, _transient)


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - for the type
    return error.response()


def http_problem(error: HTTPException) -> Problem:
    """Return the problem of what the framework refused by itself."""
    code, detail = _FRAMEWORK.get(error.status_code, ("http-error", HTTPStatus(error.status_code).phrase))
    return Problem(error.status_code, code, detail, headers=error.headers)


async def _transient(_: Request, error: Exception) -> JSONResponse:
    _log.warning("a request could not be served now", error=str(error))
    return Problem(
        503, "unavailable", "something this needs is away; try again", headers={"Retry-After": "2"}
    ).response()


async def unexpected(_: Request, error: Exception) -> JSONResponse:
    """Answer what nobody expected with an id and nothing else; the id is in the log."""
    error_id = uuid7()
    _log.error("a request failed", error_id=error_id, exc_info=error)
    return Problem(500, "internal-error", "this is our fault; the id leads to its log line", id=error_id).response()
