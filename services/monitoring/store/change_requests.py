"""Requests to change a configuration as rows."""

from __future__ import annotations

import json

import asyncpg

from services.monitoring.domain.change_requests import Action, ChangeRequest, State
from services.monitoring.domain.governance import Weakening
from services.monitoring.store.configuration_documents import configuration_of, document
from shared.persistence.database import Transaction

_COLUMNS = (
    "change_id, state, base_version, document, action, restored_version, weakenings, about_requester, requested_by,"
    " requested_at, reason, expires_at, decided_by, decided_at, decision_reason, version"
)


async def add(transaction: Transaction, request: ChangeRequest) -> None:
    """Keep a new request."""
    await transaction.execute(
        f"insert into configuration_change (tenant_id, {_COLUMNS})"  # noqa: S608 - constants
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
        transaction.tenant_id,
        request.change_id,
        request.state,
        request.base_version,
        document(request.wanted),
        request.action,
        request.restored_version,
        json.dumps([vars(one) for one in request.weakenings]),
        request.about_requester,
        request.requested_by,
        request.requested_at,
        request.reason,
        request.expires_at,
        request.decided_by,
        request.decided_at,
        request.decision_reason,
        request.version,
    )


async def decided(transaction: Transaction, request: ChangeRequest) -> None:
    """Keep what became of the request."""
    await transaction.execute(
        "update configuration_change set state = $3, decided_by = $4, decided_at = $5, decision_reason = $6,"
        " version = $7 where tenant_id = $1 and change_id = $2",
        transaction.tenant_id,
        request.change_id,
        request.state,
        request.decided_by,
        request.decided_at,
        request.decision_reason,
        request.version,
    )


async def by_id(transaction: Transaction, change_id: str, *, locked: bool = False) -> ChangeRequest | None:
    """Return the request, `locked` until the transaction ends where it is to be decided."""
    row = await transaction.fetchrow(
        f"select {_COLUMNS} from configuration_change where tenant_id = $1 and change_id = $2"  # noqa: S608 - constants
        f"{' for update' if locked else ''}",
        transaction.tenant_id,
        change_id,
    )
    return None if row is None else _request(row)


async def page(transaction: Transaction, *, state: State | None, before: str | None, limit: int) -> list[ChangeRequest]:
    """Return requests, the newest first."""
    rows = await transaction.fetch(
        f"select {_COLUMNS} from configuration_change where tenant_id = $1"  # noqa: S608 - constants
        " and ($2::text is null or state = $2) and ($3::text is null or change_id < $3)"
        " order by change_id desc limit $4",
        transaction.tenant_id,
        state,
        before,
        limit,
    )
    return [_request(row) for row in rows]


async def open_count(transaction: Transaction) -> int:
    """Return how many requests wait."""
    found: int = await transaction.fetchval(
        "select count(*) from configuration_change where tenant_id = $1 and state = 'requested'", transaction.tenant_id
    )
    return found


def _request(row: asyncpg.Record) -> ChangeRequest:
    values = dict(row)
    wanted = configuration_of(values.pop("document"), version=values.pop("base_version"))
    weakenings = tuple(Weakening(**one) for one in json.loads(values.pop("weakenings")))
    state, action = State(values.pop("state")), Action(values.pop("action"))
    return ChangeRequest(wanted=wanted, weakenings=weakenings, state=state, action=action, **values)
