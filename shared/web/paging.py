"""Lists page by page: an opaque cursor says where to go on, and a made-up one is a clear error."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Query

from shared.web.problems import Problem

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Cursor = Annotated[str | None, Query(max_length=512, description="`next` of the page before.")]

_T = TypeVar("_T")


def encode_cursor(*key: str) -> str:
    """Return the sort key of a page's last entry in opaque form."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, *, parts: int = 1) -> tuple[str, ...] | None:
    """Return the sort key that the cursor holds; None for the first page.

    Raises:
        Problem: 400, it is none of ours.
    """
    if cursor is None:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        key = None
    if not isinstance(key, list) or len(key) != parts or not all(_is_text(part) for part in key):
        raise Problem(400, "bad-cursor", "`cursor` must be `next` of an earlier page of this list")
    return tuple(key)


def _is_text(part: object) -> bool:
    """Say whether PostgreSQL would take it as text: no NUL, no half of a surrogate pair."""
    return isinstance(part, str) and not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in part)


def page(items: Sequence[_T], *, limit: int, key: Callable[[_T], str | tuple[str, ...]]) -> dict[str, Any]:
    """Return a page from `limit + 1` entries: the one too many says that there is a next page."""
    shown = list(items[:limit])
    more = len(items) > limit
    last = key(shown[-1]) if more else ""
    parts = (last,) if isinstance(last, str) else last
    return {"items": shown, "next": encode_cursor(*parts) if more else None}
