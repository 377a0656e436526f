"""What is wrong with a request's form, told only to those who may call: a route sees checked input alone."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from shared.web.guards import refusal
from shared.web.problems import Problem, http_problem

_MOST_ERRORS = 20


def install(app: FastAPI) -> None:
    """Answer requests that cannot be read, or do not have the expected form, with a problem document."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unreadable)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """Name each wrong place and what would be right; the value itself may be a secret.

    The framework parses a body before it asks the guard, so the guard is asked here.
    """
    assert isinstance(error, RequestValidationError)  # noqa: S101 - for the type
    refused = await refusal(request)
    return (refused or _problem(request, error.errors())).response()


async def _unreadable(request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework refused by itself; 400 is a body that it could not read, before it asked the guard."""
    assert isinstance(error, HTTPException)  # noqa: S101 - for the type
    refused = await refusal(request) if error.status_code == 400 else None  # noqa: PLR2004 - as HTTP says
    return (refused or http_problem(error)).response()


def _problem(request: Request, errors: Any) -> Problem:  # noqa: ANN401 - pydantic's, a sequence of mappings
    if any(one["type"] == "json_invalid" for one in errors):
        return Problem(400, "not-json", "the body is not JSON")
    if any(one["loc"] == ("body",) and one["type"] != "missing" for one in errors) and not _says_json(request):
        return Problem(415, "unsupported-media-type", "send the body as application/json")
    wrong = [
        {"where": ".".join(str(part) for part in one["loc"])[:200], "why": str(one["msg"])[:300]}
        for one in errors[:_MOST_ERRORS]
    ]
    return Problem(422, "invalid-request", "the request does not have the expected form", errors=wrong)


def _says_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))
