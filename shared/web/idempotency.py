"""`Idempotency-Key`: a POST that is sent again is answered again, and carried out once."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from shared.access.tokens import Caller
from shared.persistence.database import Database, Transaction
from shared.web.problems import Problem

HEADER = "idempotency-key"
LONGEST_KEY = 200

KEPT_FOR = timedelta(hours=24)
"""How long an answer can be had again; after that the key is as new."""

_CLAIM = """
insert into idempotency_key (tenant_id, scope, key, request_hash) values ($1, $2, $3, $4)
on conflict (tenant_id, scope, key) do update set request_hash = $4, status = null, body = null, created_at = now()
where idempotency_key.created_at < now() - $5::interval
"""
_CLEAR = """
delete from idempotency_key where ctid in (
    select ctid from idempotency_key where tenant_id = $1 and created_at < now() - $2::interval
    order by created_at limit 20 for update skip locked
)
"""
_FIND = "select request_hash, status, body from idempotency_key where tenant_id = $1 and scope = $2 and key = $3"
_KEEP = "update idempotency_key set status = $4, body = $5 where tenant_id = $1 and scope = $2 and key = $3"
_RELEASE = "delete from idempotency_key where tenant_id = $1 and scope = $2 and key = $3"

Act = Callable[[Transaction], Awaitable[Any]]
"""What is to be done once; returns what is answered, or the Problem of a refusal that was recorded."""


async def once(
    request: Request,
    *,
    database: Database,
    caller: Caller,
    act: Act,
    status: int = 201,
    secret: bool = False,
) -> Response:
    """Carry out `act` in a transaction of the caller's tenant and answer with what it returns, as JSON.

    With an `Idempotency-Key` the answer is kept in the same transaction; the same key and request get it again
    (`Idempotent-Replayed: true`), of two at once the second waits for the first. The same key with another request
    is refused with 422. A refusal is not kept as an answer: a Problem that `act` raises rolls the transaction back,
    one that it returns commits what was recorded of it and is raised then. An answer that carries a `secret` is
    shown once and kept nowhere: its request, sent again, is refused with 409.
    """
    claim = await _claim(request, caller)
    answer: Response | Problem
    async with database.transaction(caller.tenant_id) as transaction:
        if claim is None:
            answer = _answer(await act(transaction), status)
        else:
            answer = await _kept(transaction, claim, act=act, status=status, secret=secret)
    if isinstance(answer, Problem):
        raise answer
    return answer


@dataclass(frozen=True, kw_only=True)
class _Claim:
    """One key of one caller for one route, and the request it stands for."""

    row: tuple[str, str, str]
    """Tenant, scope and key: the primary key."""
    request_hash: bytes


async def _claim(request: Request, caller: Caller) -> _Claim | None:
    key = _key(request)
    if key is None:
        return None
    scope = f"{caller.user_id} {request.method} {request.url.path}"
    request_hash = hashlib.sha256(request.url.query.encode() + b"\0" + await request.body()).digest()
    return _Claim(row=(caller.tenant_id, scope, key), request_hash=request_hash)


async def _kept(transaction: Transaction, claim: _Claim, *, act: Act, status: int, secret: bool) -> Response | Problem:
    """Insert first: of two at once the second waits here until the first has committed or given up."""
    if await transaction.execute(_CLAIM, *claim.row, claim.request_hash, KEPT_FOR) == "INSERT 0 0":
        return await _replayed(transaction, claim)
    await transaction.execute(_CLEAR, claim.row[0], KEPT_FOR)
    answer = _answer(await act(transaction), status)
    if isinstance(answer, Problem):
        await transaction.execute(_RELEASE, *claim.row)
    else:
        await transaction.execute(_KEEP, *claim.row, status, None if secret else bytes(answer.body))
    return answer


async def _replayed(transaction: Transaction, claim: _Claim) -> Response:
    row = await transaction.fetchrow(_FIND, *claim.row)
    if row is None or not hmac.compare_digest(row["request_hash"], claim.request_hash):
        raise Problem(422, "idempotency-key-reused", "this Idempotency-Key was sent with another request")
    if row["body"] is None:
        raise Problem(409, "answer-not-repeated", "this was carried out; its answer held a secret, which is shown once")
    return Response(row["body"], row["status"], media_type="application/json", headers={"Idempotent-Replayed": "true"})


def _key(request: Request) -> str | None:
    key = request.headers.get(HEADER)
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise Problem(400, "bad-idempotency-key", f"Idempotency-Key has 1 to {LONGEST_KEY} printable characters")
    return key


def _answer(value: Any, status: int) -> JSONResponse | Problem:  # noqa: ANN401 - whatever the use case answers
    if isinstance(value, Problem):
        return value
    return JSONResponse(json.loads(json.dumps(jsonable_encoder(value))), status_code=status)
