"""Request bodies: bounded before they are read, and of the expected form, no field more."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.web.problems import Problem

LARGEST_BODY = 1024 * 1024
"""Bytes; a request is a command, not a document."""

DRAINED = 16 * LARGEST_BODY
"""Bytes of an oversized body that are read and dropped, so that its sender gets to read why instead of a reset."""

_CLOSE = {"Connection": "close"}
"""Whoever goes on sending after the answer is cut off."""


class RequestModel(BaseModel):
    """A request body: an unknown field is an error, so that a misspelt one is not silently ignored.

    No text has a NUL character (PostgreSQL stores none) or more than 4,096 characters, no number is NaN or infinite.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=4096, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _has_no_nul(cls, value: Any) -> Any:  # noqa: ANN401 - whatever a field takes
        if _nul_in(value):
            raise ValueError("text must not contain a NUL character")
        return value


class BodyLimit:
    """Middleware that answers 413 to bodies over the limit, declared or chunked; no more than the limit is kept."""

    def __init__(self, app: ASGIApp, *, largest: int = LARGEST_BODY) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if _declared(headers) > self._largest:
            if "expect" not in headers:  # who expects 100-continue has not begun to send
                await _drain(receive)
            raise Problem(413, "too-large", f"a body may have {self._largest} bytes at most", headers=_CLOSE)
        await self._app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._largest:
                if message.get("more_body"):
                    await _drain(receive)
                raise HTTPException(413, headers=_CLOSE)  # the framework lets no other kind through where it reads
            return message

        return counted


async def _drain(receive: Receive) -> None:
    dropped, more = 0, True
    while more and dropped < DRAINED:
        message = await receive()
        dropped += len(message.get("body", b""))
        more = message.get("more_body", False)


def _declared(headers: Headers) -> int:
    """Return the declared length; one that is no number of a credible size counts as too large."""
    declared = headers.get("content-length", "0")
    return int(declared) if declared.isascii() and declared.isdecimal() and len(declared) <= 15 else DRAINED  # noqa: PLR2004 - digits


def _nul_in(value: object) -> bool:
    """Look without recursion: a body may have more levels than Python calls."""
    parts = [value]
    while parts:
        part = parts.pop()
        if isinstance(part, str) and "\0" in part:
            return True
        if isinstance(part, dict):
            parts += [*part.keys(), *part.values()]
        elif isinstance(part, list):
            parts += part
    return False
