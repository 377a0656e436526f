"""Versions of a document over HTTP: who writes without having read the newest one is told so."""

from __future__ import annotations

import re

from fastapi import Request

from shared.web.problems import Problem

_FORM = re.compile(r'"([0-9]{1,9})"')


def etag(version: int) -> str:
    """Return the strong ETag of that version of a document."""
    return f'"{version}"'


def required_version(request: Request) -> int:
    """Return the version that `If-Match` names.

    Raises:
        Problem: 428 without the header, 412 if it is no version of ours.
    """
    given = request.headers.get("if-match")
    if given is None:
        raise Problem(428, "if-match-required", "send the ETag that you read in If-Match")
    version = _FORM.fullmatch(given.strip())
    if version is None:
        raise stale()
    return int(version[1])


def stale() -> Problem:
    """Return the problem of a write that is based on an older version."""
    return Problem(412, "version-stale", "the document has changed; read it again and send its ETag in If-Match")
