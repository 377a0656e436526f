"""The audit log over HTTP: after this, a service shows its log, and that it is whole, by mounting one router."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from shared import audit
from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.persistence.database import Database
from shared.web.guards import Requires
from shared.web.paging import Cursor, Limit, decode_cursor, encode_cursor, page
from shared.web.problems import Problem

CHECKED = 20_000
"""Entries that one request checks: about a second of work."""

Viewer = Annotated[Caller, Depends(Requires(Permission.VIEW_AUDIT))]


class EntryView(BaseModel):
    """One entry of the log; `hash` is SHA-256 over the canonical JSON (RFC 8785) of all the rest and the tenant."""

    model_config = ConfigDict(frozen=True)

    sequence: int
    at: datetime
    actor_id: str | None
    action: str
    target: str
    outcome: str
    detail: dict[str, Any]
    reason: str | None
    policy: dict[str, Any] | None
    ip: str | None
    session_id: str | None
    correlation_id: str | None
    previous_hash: str
    hash: str


class EntryPage(BaseModel):
    """A page of the log, newest first."""

    items: list[EntryView]
    next: str | None


class VerdictView(BaseModel):
    """Whether the part of the log that was checked is whole."""

    intact: bool
    entries: int
    """How many were checked and found unbroken."""
    last_sequence: int
    """The last of them."""
    head: str
    """Its hash: note it elsewhere, and a log whose end was cut off shows too."""
    broken_at: int | None
    """The first place where an entry is missing or was changed."""
    next: str | None
    """Cursor to go on from there; None if the check came to the end, or to where the log is broken."""

    @classmethod
    def of(cls, verdict: audit.Verdict) -> VerdictView:
        """Return what was found."""
        last = verdict.last
        return cls(
            intact=verdict.broken_at is None,
            entries=verdict.entries,
            last_sequence=last.sequence,
            head=last.hash.hex(),
            broken_at=verdict.broken_at,
            next=None if verdict.complete else encode_cursor(str(last.sequence), last.hash.hex()),
        )


def audit_routes(prefix: str, database: Database) -> APIRouter:
    """Return `GET {prefix}/audit` and `GET {prefix}/audit/verification`; the prefix names `{tenant_id}`."""
    routes = APIRouter(prefix=f"{prefix}/audit", tags=["audit"])

    @routes.get("")
    async def listed(tenant_id: str, caller: Viewer, limit: Limit = 50, cursor: Cursor = None) -> EntryPage:
        """Return what was decided in the tenant, newest first."""
        del caller
        before = _sequence(decode_cursor(cursor))
        async with database.transaction(tenant_id) as transaction:
            found = await audit.page(transaction, before=before, limit=limit + 1)
        shown = page(found, limit=limit, key=lambda entry: str(entry.sequence))
        return EntryPage(items=[_view(entry) for entry in shown["items"]], next=shown["next"])

    @routes.get("/verification")
    async def verification(tenant_id: str, caller: Viewer, cursor: Cursor = None) -> VerdictView:
        """Check every hash and every link of the tenant's log, up to 20,000 entries from where the cursor says."""
        del caller
        after = _link(decode_cursor(cursor, parts=2))
        async with database.transaction(tenant_id) as transaction:
            found = await audit.verify(transaction, after=after, at_most=CHECKED)
        return VerdictView.of(found)

    return routes


def _sequence(key: tuple[str, ...] | None) -> int | None:
    return None if key is None else _number(key[0])


def _link(key: tuple[str, ...] | None) -> audit.Link:
    if key is None:
        return audit.START
    if not re.fullmatch(r"[0-9a-f]{64}", key[1]):
        raise _bad_cursor()
    return audit.Link(_number(key[0]), bytes.fromhex(key[1]))


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):  # so many digits fit into a bigint
        raise _bad_cursor()
    return int(text)


def _bad_cursor() -> Problem:
    return Problem(400, "bad-cursor", "`cursor` must be `next` of an earlier page of this list")


def _view(entry: audit.Entry) -> EntryView:
    return EntryView(
        sequence=entry.sequence,
        at=entry.at,
        actor_id=entry.actor_id,
        action=entry.action,
        target=entry.target,
        outcome=entry.outcome,
        detail=dict(entry.detail),
        reason=entry.reason,
        policy=None if entry.policy is None else dict(entry.policy),
        ip=entry.ip,
        session_id=entry.session_id,
        correlation_id=entry.correlation_id,
        previous_hash=entry.previous_hash.hex(),
        hash=entry.hash.hex(),
    )
