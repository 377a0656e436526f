"""Whatever is sent to any route of any service over HTTP: a clear answer, never a fault of ours, and it serves on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from nuxari_events.roles import Role

from shared.embedded.child import free_port
from shared.settings import SERVICES
from shared.web.paging import encode_cursor
from shared.web.problems import MEDIA_TYPE
from shared.web.server import serve
from tests.bad_bodies import NUMBER_FOR_A_TIME, Form
from tests.every_service import Route, Standing, description, routes, standing
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEN_MEGABYTES = 10 * 1024 * 1024

ODD_IDS = {
    "very long": "x" * 5000,
    "a little too long": "x" * 257,
    "unicode": "%C3%BC%F0%9F%A6%84",
    "not UTF-8": "%FF%FE",
    "half a surrogate pair": "%ED%A0%80",
    "a slash": "a%2Fb",
    "a dot": "%2E",
    "two dots": "%2E%2E",
    "lines": "a%0D%0Ab",
    "delete": "%7F",
    "a space": "%20",
    "SQL": "'%3B%20drop%20table%20outbox%3B%20--",
    "a template": "%7B%7Btenant_id%7D%7D",
    "a percent sign": "%25",
}

MADE_UP_CURSORS = {
    "nothing": "",
    "no base64": "made up!",
    "no JSON": "bWFkZSB1cA",
    "no list": "e30",
    "no text": encode_cursor("x").replace("W", "X"),
    "too many parts": encode_cursor("a", "b", "c"),
    "half a surrogate pair": encode_cursor("\ud800"),
    "NUL": encode_cursor("\0"),
    "two NULs": encode_cursor("\0", "\0"),
    "too long": "x" * 513,
    "deep": "W" * 500,
}

ODD_HEADERS: dict[str, dict[str, Any]] = {
    "a token that is not UTF-8": {"Authorization": b"Bearer \xff\xfe"},
    "a long token": {"Authorization": f"Bearer {'x' * 9000}"},
    "a token with dots": {"Authorization": "Bearer ..."},
    "another scheme": {"Authorization": "Basic YWRhOnBhc3N3b3Jk"},
    "a trace that is not UTF-8": {"traceparent": b"\xff\xfe"},
    "a made-up trace": {"traceparent": "00-zz-zz-zz"},
    "a key that is not UTF-8": {"Idempotency-Key": b"\xff\x80"},
    "an empty key": {"Idempotency-Key": ""},
    "a long key": {"Idempotency-Key": "x" * 201},
    "a version that is not UTF-8": {"If-Match": b"\xff"},
    "a long version": {"If-Match": f'"{"9" * 500}"'},
    "any header that is not UTF-8": {"X-Something": b"\xff\xfe"},
}


@dataclass
class Served:
    """A service that can be reached over a socket."""

    service: Standing
    client: httpx.AsyncClient

    async def answer(self, route: Route, *, path: str | None = None, **more: Any) -> httpx.Response:
        """What somebody is answered who may do everything."""
        headers = self.service.authorization(*Role) | more.pop("headers", {})
        return await self.client.request(route.method, path or route.path(), headers=headers, **more)

    async def lives(self) -> bool:
        return (await self.client.get("/live")).json() == {"status": "live"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def services(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Served]]:
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(served(name, postgres=postgres, home=tmp_path_factory.mktemp(name)))
            for name in SERVICES
        }


@asynccontextmanager
async def served(name: str, *, postgres: str, home: Path) -> AsyncIterator[Served]:
    port, stop = free_port(), asyncio.Event()
    async with standing(name, postgres=postgres, home=home) as service:
        serving = asyncio.create_task(serve(service.app, port=port, stop=stop))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            found = Served(service, client)
            await until(lambda: _answers(found), within=timedelta(seconds=10), what=f"{name} on port {port}")
            yield found
        stop.set()
        await serving


async def _answers(served: Served) -> bool:
    try:
        return await served.lives()
    except httpx.TransportError:
        return False


def form(route: Route) -> Form | None:
    """The form of the route's body; None if it takes none."""
    document = description(route.service)
    operation = document["paths"].get(route.template, {}).get(route.method.lower(), {})
    return Form(operation, document["components"]["schemas"]) if "requestBody" in operation else None


def query(route: Route) -> dict[str, Mapping[str, Any]]:
    """What the route takes in the query, each with its schema."""
    document = description(route.service)
    operation = document["paths"].get(route.template, {}).get(route.method.lower(), {})
    return {one["name"]: one["schema"] for one in operation.get("parameters", ()) if one["in"] == "query"}


def refused(answer: httpx.Response, what: str, *statuses: int) -> None:
    """Look that it is a complete problem document, with one of the statuses where some are named."""
    assert 400 <= answer.status_code < 500, (what, answer.status_code, answer.text)
    assert not statuses or answer.status_code in statuses, (what, answer.status_code, answer.text)
    assert answer.headers["content-type"] == MEDIA_TYPE, what
    document = answer.json()
    assert document["status"] == answer.status_code, what
    assert document["code"], what
    assert document["title"], what
    assert document["detail"], what


def no_fault(answer: httpx.Response, what: str) -> None:
    """Look that it is an answer to what was asked, or a problem document that says what is wrong with it."""
    if answer.status_code >= 400:
        refused(answer, what)


ALL = [route for route in routes() if route.template.startswith("/v1/")]
WITH_BODY = [route for route in ALL if form(route) is not None]
WITH_QUERY = [route for route in ALL if query(route)]
WITH_IDS = [route for route in ALL if route.template.count("{") > route.is_of_a_tenant]

WITH_TIMES = [route for route in WITH_BODY if (found := form(route)) is not None and found.times()]

each_with_body = pytest.mark.parametrize("route", WITH_BODY, ids=str)


async def test_there_is_something_to_be_tested() -> None:
    assert {route.service for route in ALL} == set(SERVICES)
    assert [str(route) for route in ALL if route.method in {"PUT", "PATCH"} and route not in WITH_BODY] == []
    assert min(map(len, (WITH_BODY, WITH_QUERY, WITH_IDS))) > 10


@each_with_body
async def test_a_body_of_the_right_form_is_not_refused_for_its_form(services: dict[str, Served], route: Route) -> None:
    """What the other tests change one thing of is good but for that."""
    answer = await services[route.service].answer(route, json=_form(route).good())

    no_fault(answer, "a good body")
    assert answer.status_code not in {400, 413, 415}, answer.text
    assert answer.status_code < 400 or answer.json()["code"] != "invalid-request", answer.text


@each_with_body
async def test_a_bad_body_is_refused_and_the_service_serves_on(services: dict[str, Served], route: Route) -> None:
    service, tried = services[route.service], 0
    for bad in _form(route).bad():
        answer = await service.answer(route, content=bad.body, headers=bad.headers)
        refused(answer, bad.what, bad.status)
        tried += 1

    assert tried > 30
    assert await service.lives()


@each_with_body
async def test_ten_megabytes_are_refused_and_the_service_serves_on(services: dict[str, Served], route: Route) -> None:
    service, json = services[route.service], {"Content-Type": "application/json"}

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(TEN_MEGABYTES // 65536):
            yield b" " * 65536

    declared = await service.answer(route, content=b" " * TEN_MEGABYTES, headers=json)
    chunked = await service.answer(route, content=chunks(), headers=json)
    assert "content-length" not in chunked.request.headers

    refused(declared, "ten megabytes, declared", 413)
    refused(chunked, "ten megabytes, in chunks", 413)
    assert await service.lives()


@pytest.mark.parametrize("route", WITH_TIMES, ids=str)
async def test_a_number_is_not_taken_for_a_time(services: dict[str, Served], route: Route) -> None:
    for name in _form(route).times():
        for number in (NUMBER_FOR_A_TIME, str(NUMBER_FOR_A_TIME), 0, -1, 0.5):
            answer = await services[route.service].answer(route, json=_form(route).good(**{name: number}))
            refused(answer, f"{number!r} for {name}", 422)
            assert [one["where"] for one in answer.json()["errors"]] == [f"body.{name}"]


@pytest.mark.parametrize("route", WITH_TIMES, ids=str)
async def test_the_first_and_the_last_moment_of_all_are_no_fault(services: dict[str, Served], route: Route) -> None:
    for name in _form(route).times():
        for moment in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"):
            answer = await services[route.service].answer(route, json=_form(route).good(**{name: moment}))
            no_fault(answer, f"{moment} for {name}")


@pytest.mark.parametrize("route", WITH_QUERY, ids=str)
async def test_a_query_out_of_range_is_refused(services: dict[str, Served], route: Route) -> None:
    for name, schema in query(route).items():
        for value in _wrong_in_query(schema):
            answer = await services[route.service].answer(route, params={name: value})
            refused(answer, f"{name}={value!r:.60}", 422)

    assert await services[route.service].lives()


@pytest.mark.parametrize("route", [route for route in WITH_QUERY if "cursor" in query(route)], ids=str)
async def test_a_made_up_cursor_is_refused(services: dict[str, Served], route: Route) -> None:
    for what, cursor in MADE_UP_CURSORS.items():
        answer = await services[route.service].answer(route, params={"cursor": cursor})
        refused(answer, what, 400, 422)


@pytest.mark.parametrize("route", [route for route in WITH_QUERY if "cursor" in query(route)], ids=str)
async def test_a_cursor_of_another_list_is_no_fault(services: dict[str, Served], route: Route) -> None:
    for parts in (["x"], ["x", "y"], ["2026-03-02T12:00:00Z", "y"], ["9" * 300], ["1", "0" * 64], ["0001-01-01", "y"]):
        answer = await services[route.service].answer(route, params={"cursor": encode_cursor(*parts)})
        no_fault(answer, f"a cursor of {parts}")


@pytest.mark.parametrize("route", WITH_IDS, ids=str)
async def test_an_odd_id_in_the_path_is_no_fault(services: dict[str, Served], route: Route) -> None:
    service = services[route.service]
    body = {} if (found := form(route)) is None else {"json": found.good()}
    for name in _ids(route):
        for what, value in ODD_IDS.items():
            no_fault(await service.answer(route, path=route.path(**{name: value}), **body), f"{what} for {name}")
        nul = await service.answer(route, path=route.path(**{name: "a%00b"}), **body)
        refused(nul, f"NUL in {name}", 400)

    assert await service.lives()


@pytest.mark.parametrize("route", [route for route in ALL if route.is_of_a_tenant], ids=str)
async def test_an_odd_tenant_is_none_of_the_callers(services: dict[str, Served], route: Route) -> None:
    service = services[route.service]
    body = {} if (found := form(route)) is None else {"json": found.good()}
    for what, value in ODD_IDS.items():
        answer = await service.answer(route, path=route.path(tenant_id=value), **body)
        refused(answer, f"{what} for tenant_id", *(() if route.guard.public else (404,)))


@pytest.mark.parametrize("route", ALL, ids=str)
async def test_an_odd_header_is_no_fault(services: dict[str, Served], route: Route) -> None:
    service = services[route.service]
    body = {} if (found := form(route)) is None else {"json": found.good()}
    for what, headers in ODD_HEADERS.items():
        answer = await service.answer(route, headers=headers, **body)
        no_fault(answer, what)
        if "Authorization" in headers and not route.guard.public:
            refused(answer, what, 401)

    assert await service.lives()


@pytest.mark.parametrize("route", ALL, ids=str)
async def test_another_method_is_refused(services: dict[str, Served], route: Route) -> None:
    service = services[route.service]
    taken = {one.method for one in routes() if one.service == route.service and one.path() == route.path()}
    for method in {"DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"} - taken:
        refused(await service.client.request(method, route.path()), method, 404, 405)


def _form(route: Route) -> Form:
    found = form(route)
    assert found is not None
    return found


def _ids(route: Route) -> list[str]:
    return [part[1:-1] for part in route.template.split("/") if part.startswith("{") and part != "{tenant_id}"]


def _wrong_in_query(schema: Mapping[str, Any]) -> list[str]:
    """Texts that are no value of that schema."""
    one = next((option for option in schema.get("anyOf", ()) if option.get("type") != "null"), schema)
    wrong = ["no such thing"] if "$ref" in one or one.get("type") in {"integer", "boolean"} else []
    if one.get("type") == "integer":
        wrong += [str(one["minimum"] - 1), str(one["maximum"] + 1), "9" * 30, "9" * 5000, "1.5", "0x10", "", "NaN"]
    if one.get("format") == "date-time":
        wrong += [str(NUMBER_FOR_A_TIME), "0.5", "yesterday", "2026-03-02", "2026-03-02T12:00:00", ""]
    if "pattern" in one:
        wrong += ["", "a\nb", "\x7f", "x" * 5000]
    if "maxLength" in one:
        wrong += ["x" * (one["maxLength"] + 1)]
    return wrong
