"""A POST that is sent again is carried out once, on a real PostgreSQL, whoever races it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Annotated, Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from nuxari_events.ids import uuid7
from nuxari_events.roles import Role

from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.clock import FixedClock
from shared.errors import TransientError
from shared.persistence.database import Database, Transaction
from shared.persistence.ddl import mechanism, tenant_table
from shared.persistence.provision import dsn_of, provision, role_names
from shared.web.app import build_app
from shared.web.bodies import RequestModel
from shared.web.guards import Requires
from shared.web.idempotency import once
from shared.web.problems import Problem
from tests.access.credentials import NOON, a_verifier
from tests.waiting import until
from tests.web.stage import KEY, a_client, problem

SERVICE = "till"
PASSWORDS = dict.fromkeys(role_names(SERVICE), "till")
SALES = "/v1/tenants/{}/sales"

TABLE = """
create table sale (
    tenant_id text not null, sale_id text not null, item text not null, primary key (tenant_id, sale_id)
);
"""


class SaleRequest(RequestModel):
    item: str


@dataclass
class Till:
    """A service that sells, each sale a row."""

    app: FastAPI
    admin_dsn: str
    go_on: asyncio.Event

    async def sell(
        self,
        item: str = "pen",
        *,
        key: str | None = "k-1",
        path: str = "/sold",
        tenant_id: str = "acme",
        user_id: str = "ada",
    ) -> httpx.Response:
        """Send one request to sell."""
        headers = {"Idempotency-Key": key} if key is not None else {}
        async with a_client(self.app, Role.REQUESTER, tenant_id=tenant_id, user_id=user_id) as client:
            return await client.post(SALES.format(tenant_id) + path, json={"item": item}, headers=headers)

    async def ask(self, query: str, *args: object) -> Any:
        """Look from outside, past row-level security."""
        admin = await asyncpg.connect(self.admin_dsn)
        try:
            return await admin.fetchval(query, *args)
        finally:
            await admin.close()

    async def sold(self) -> int:
        return int(await self.ask("select count(*) from sale"))


@pytest.fixture
async def till(postgres: str, fresh_database: str) -> AsyncIterator[Till]:
    await provision(postgres, SERVICE, passwords=PASSWORDS)
    admin = await asyncpg.connect(fresh_database)
    await admin.execute(mechanism(SERVICE) + TABLE + tenant_table("sale", service=SERVICE))
    await admin.close()
    name = urlsplit(fresh_database).path.lstrip("/")
    database = Database(dsn_of(postgres, name, role_names(SERVICE)[1], "till"), name="till-test")
    await database.open()
    go_on = asyncio.Event()
    go_on.set()
    app = build_app(
        title="till", routers=[_router(database, go_on)], verifier=a_verifier(KEY), clock=FixedClock(NOON), checks={}
    )
    yield Till(app, fresh_database, go_on)
    await database.close()


def _router(database: Database, go_on: asyncio.Event) -> APIRouter:
    router = APIRouter(prefix="/v1/tenants/{tenant_id}/sales")
    attempts = count()

    @router.post("/{ending}")
    async def sell(
        request: Request,
        ending: str,
        body: SaleRequest,
        caller: Annotated[Caller, Depends(Requires(Permission.REQUEST_ACCESS))],
    ) -> Response:
        async def act(transaction: Transaction) -> Any:
            sale_id = uuid7()
            await transaction.execute("insert into sale values ($1, $2, $3)", caller.tenant_id, sale_id, body.item)
            await go_on.wait()
            return _ended(
                "outage" if ending == "outage-at-first" and next(attempts) == 0 else ending,
                {"sale_id": sale_id, "item": body.item},
            )

        return await once(request, database=database, caller=caller, act=act, secret=ending == "with-secret")

    return router


def _ended(ending: str, sale: dict[str, str]) -> object:
    """Answer, or refuse, or fail, after the sale was written."""
    match ending:
        case "with-secret":
            return {**sale, "token": "shown-once-only"}
        case "refused-and-recorded":
            return Problem(409, "sold-out", "there is none left")
        case "refused":
            raise Problem(409, "sold-out", "there is none left")
        case "outage":
            raise TransientError("down")
        case "bug":
            raise RuntimeError("bug")
        case _:
            return sale


async def test_the_same_request_again_gets_the_same_answer_and_sells_nothing_more(till: Till):
    first = await till.sell()
    again = await till.sell()

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == "application/json"
    assert "idempotent-replayed" not in first.headers
    assert await till.sold() == 1


async def test_without_a_key_every_request_counts(till: Till):
    await till.sell(key=None)
    await till.sell(key=None)

    assert await till.sold() == 2
    assert await till.ask("select count(*) from idempotency_key") == 0


async def test_the_same_key_with_another_request_is_422_and_sells_nothing(till: Till):
    await till.sell("pen")

    problem(await till.sell("yacht"), 422, "idempotency-key-reused")
    problem(await till.sell("pen", path="/sold?gift=yes"), 422, "idempotency-key-reused")
    assert await till.sold() == 1


async def test_a_key_belongs_to_its_tenant_caller_and_route(till: Till):
    answers = [
        await till.sell(),
        await till.sell(user_id="bob"),
        await till.sell(tenant_id="globex"),
        await till.sell(path="/with-secret"),
    ]

    assert [answer.status_code for answer in answers] == [201, 201, 201, 201]
    assert await till.sold() == 4


async def test_of_many_at_once_exactly_one_sells_and_all_get_its_answer(till: Till):
    answers = await asyncio.gather(*(till.sell() for _ in range(8)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["sale_id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert await till.sold() == 1


async def test_the_second_waits_for_the_first_and_sells_itself_if_that_gives_up(till: Till):
    till.go_on.clear()
    first = asyncio.create_task(till.sell(path="/outage-at-first"))
    await until(lambda: _in_transaction(till), within=timedelta(seconds=10), what="the first in its transaction")
    second = asyncio.create_task(till.sell(path="/outage-at-first"))
    await until(lambda: _is_waiting(till), within=timedelta(seconds=10), what="the second behind the first")

    till.go_on.set()

    problem(await first, 503, "unavailable")
    assert (await second).status_code == 201
    assert "idempotent-replayed" not in (await second).headers
    assert await till.sold() == 1


async def _in_transaction(till: Till) -> bool:
    query = "select count(*) from pg_stat_activity where application_name = 'till-test' and state like 'idle in trans%'"
    return int(await till.ask(query)) > 0


async def _is_waiting(till: Till) -> bool:
    query = "select count(*) from pg_stat_activity where application_name = 'till-test' and wait_event_type = 'Lock'"
    return int(await till.ask(query)) > 0


@pytest.mark.parametrize(("path", "status", "code"), [("/outage", 503, "unavailable"), ("/bug", 500, "internal-error")])
async def test_a_request_that_failed_may_be_sent_again_under_its_key(till: Till, path: str, status: int, code: str):
    problem(await till.sell(path=path), status, code)
    problem(await till.sell(path=path), status, code)

    assert await till.sold() == 0
    assert await till.ask("select count(*) from idempotency_key") == 0


@pytest.mark.parametrize(("path", "rows"), [("/refused", 0), ("/refused-and-recorded", 2)])
async def test_a_refusal_is_no_answer_to_keep_and_what_was_recorded_of_it_stays(till: Till, path: str, rows: int):
    for _ in range(2):
        response = await till.sell(path=path)
        problem(response, 409, "sold-out")
        assert "idempotent-replayed" not in response.headers

    assert await till.sold() == rows
    assert await till.ask("select count(*) from idempotency_key") == 0


async def test_an_answer_with_a_secret_is_shown_once_and_kept_nowhere(till: Till):
    first = await till.sell(path="/with-secret")
    again = await till.sell(path="/with-secret")

    assert first.json()["token"] == "shown-once-only"
    problem(again, 409, "answer-not-repeated")
    assert await till.sold() == 1
    assert await till.ask("select count(*) from idempotency_key where body is not null") == 0


async def test_a_key_is_as_new_after_a_day(till: Till):
    first = await till.sell("pen")
    await till.ask("update idempotency_key set created_at = now() - interval '23 hours 59 minutes'")
    kept = await till.sell("pen")
    await till.ask("update idempotency_key set created_at = now() - interval '24 hours 1 second'")
    anew = await till.sell("pencil")

    assert kept.json() == first.json()
    assert anew.status_code == 201
    assert "idempotent-replayed" not in anew.headers
    assert await till.sold() == 2


async def test_answers_are_cleared_away_after_a_day(till: Till):
    for n in range(5):
        await till.sell(key=f"old-{n}")
    await till.ask("update idempotency_key set created_at = now() - interval '25 hours'")

    await till.sell(key="new")

    assert await till.ask("select string_agg(key, ' ') from idempotency_key") == "new"


@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb", "\x7f"])
async def test_a_key_of_another_form_is_400(till: Till, key: str):
    problem(await till.sell(key=key), 400, "bad-idempotency-key")
    assert await till.sold() == 0
