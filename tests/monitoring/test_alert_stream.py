"""Server-sent events over real HTTP: in order, resumed, for their tenant alone, and while the token is good."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import pytest_asyncio
from nuxari_events.roles import Role

from services.monitoring.api import stream
from services.monitoring.app import build
from services.monitoring.domain.model import Entity, Updated
from shared.access.tokens import ACCESS_TOKEN_LIFE, Watermarks
from shared.embedded.child import free_port
from shared.settings import ServiceSettings
from shared.web.server import serve
from tests.access.credentials import a_verifier, a_watermark
from tests.every_service import KEY, Standing
from tests.monitoring.desk import Desk, standing_monitoring
from tests.waiting import until
from tests.web.stage import problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOON = timedelta(seconds=10)


class Replica:
    """One process's HTTP server, with its own ear on PostgreSQL."""

    def __init__(self, service: Standing, home: Path) -> None:
        self.service = service
        self.watermarks = Watermarks()
        dsn = service.parts.database._dsn
        settings = ServiceSettings(
            kafka_bootstrap_servers="127.0.0.1:1",
            database_dsn=dsn,  # type: ignore[arg-type]
            relay_dsn=dsn,  # type: ignore[arg-type]
            port=free_port(),
            home=home,
            identity_url="http://127.0.0.1:1",
        )
        self.parts = build(settings, service.clock)
        self.parts.api.state.verifier = a_verifier(KEY, watermarks=self.watermarks)
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.parts.port}", trust_env=False, timeout=20)

    @asynccontextmanager
    async def served(self) -> AsyncIterator[Self]:
        stop = asyncio.Event()
        await self.parts.database.open()
        serving = asyncio.create_task(serve(self.parts.api, port=self.parts.port, stop=stop))
        listening = asyncio.create_task(self.parts.background["feed of alerts"]())
        try:
            async with self.client:
                await until(self._answers, within=SOON, what="the server answers")
                yield self
        finally:
            stop.set()
            listening.cancel()
            await asyncio.gather(serving, listening, return_exceptions=True)
            await self.parts.database.close()

    async def _answers(self) -> bool:
        try:
            return (await self.client.get("/live")).status_code == 200
        except httpx.TransportError:
            return False


class Reader:
    """Somebody who reads a stream, event by event."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> dict[str, Any]:
        """The next event: `id`, `event` and `data`; a comment or a setting is left aside, the end has no event."""
        async with asyncio.timeout(SOON.total_seconds()):
            found: dict[str, Any] = {}
            async for line in self._lines:
                if line and not line.startswith((":", "retry")):
                    name, _, value = line.partition(": ")
                    found[name] = json.loads(value) if name == "data" else value
                elif not line and found:
                    return found
            return {}

    async def kinds(self, count: int) -> list[str]:
        return [(await self.next())["event"] for _ in range(count)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def replicas(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Replica]]:
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(standing_monitoring(postgres, tmp_path_factory.mktemp("monitoring")))
        made = [Replica(service, tmp_path_factory.mktemp(f"replica{n}")) for n in range(2)]
        yield [await stack.enter_async_context(one.served()) for one in made]


@pytest_asyncio.fixture(loop_scope="module")
async def desk(replicas: list[Replica]) -> Desk:
    return Desk(replicas[0].service)


@asynccontextmanager
async def reading(
    replica: Replica, desk: Desk, *, after: int | str | None = None, who: str = "sam", **headers: str
) -> AsyncIterator[Reader]:
    allowed = desk.service.authorization(Role.CLIENT_SECURITY_ADMIN, tenant_id=desk.tenant, user_id=who)
    asked = {"Accept": "text/event-stream", **allowed, **headers}
    if after is not None:
        asked["Last-Event-ID"] = str(after)
    async with replica.client.stream("GET", f"/v1/tenants/{desk.tenant}/alerts/stream", headers=asked) as response:
        if response.status_code != 200:
            await response.aread()
        yield Reader(response)


async def test_what_is_announced_arrives_at_every_replica_as_the_event_it_is_on_kafka(
    replicas: list[Replica], desk: Desk
) -> None:
    async with reading(replicas[0], desk, after=0) as one, reading(replicas[1], desk, after=0) as other:
        await desk.says(desk.alert("a"))
        first, same = await one.next(), await other.next()
        opened = await one.next()

    assert first == same
    assert (first["id"], first["event"], opened["event"]) == ("1", "alert_raised", "incident_opened")
    event = first["data"]
    assert (event["type"], event["subject"], event["tenantid"]) == ("nuxari.security.alert_raised.v1", "a", desk.tenant)
    assert event["data"]["evidence"][0]["event_id"] == "e-a"
    assert one.response.headers["content-type"].startswith("text/event-stream")


async def test_without_a_last_event_the_stream_begins_now(replicas: list[Replica], desk: Desk) -> None:
    await desk.says(desk.alert("before"))
    async with reading(replicas[0], desk) as reader:
        await desk.says(desk.alert("after", entities=(Entity("user", "bo"),)))
        assert (await reader.next())["data"]["subject"] == "after"


async def test_a_reader_goes_on_where_it_was_and_misses_nothing(replicas: list[Replica], desk: Desk) -> None:
    await desk.says(*(desk.alert(f"a{n:03}", rule_id=f"r{n}") for n in range(250)))
    seen: list[int] = []
    while len(seen) < 251:
        async with reading(replicas[len(seen) % 2], desk, after=seen[-1] if seen else 0) as reader:
            seen += [int((await reader.next())["id"]) for _ in range(min(60, 251 - len(seen)))]

    assert seen == list(range(1, 252))


async def test_everything_that_many_do_at_once_is_read_once_and_in_order(replicas: list[Replica], desk: Desk) -> None:
    async with reading(replicas[0], desk, after=0) as reader:
        await asyncio.gather(*(desk.says(desk.alert(f"a{n}", entities=())) for n in range(20)))
        await asyncio.gather(*(desk.triage(f"a{n}", "acknowledged", version=1) for n in range(20)))
        found = [await reader.next() for _ in range(60)]

    assert [int(one["id"]) for one in found] == list(range(1, 61))
    assert {one["data"]["subject"] for one in found if one["event"] == "alert_triaged"} == {f"a{n}" for n in range(20)}


async def test_triage_and_digests_are_told_with_who_did_it(replicas: list[Replica], desk: Desk) -> None:
    await desk.says(desk.alert("a"))
    async with reading(replicas[0], desk) as reader:
        await desk.triage("a", "acknowledged")
        found = await reader.next()

    assert (found["event"], found["data"]["actorid"], found["data"]["data"]["state"]) == (
        "alert_triaged",
        "sam",
        "acknowledged",
    )
    assert "evidence" not in found["data"]["data"]


async def test_a_stream_has_nothing_of_another_tenant(replicas: list[Replica], desk: Desk) -> None:
    other = Desk(desk.service)
    async with reading(replicas[0], desk, after=0) as reader:
        await other.says(other.alert("theirs"))
        await desk.says(desk.alert("ours"))
        assert (await reader.next())["data"]["subject"] == "ours"

    stranger = desk.service.authorization(Role.CLIENT_SECURITY_ADMIN, tenant_id=other.tenant)
    async with reading(replicas[0], desk, **stranger) as reader:
        problem(reader.response, 404, "not-found")


async def test_what_is_no_longer_kept_is_said_to_be_lost(
    replicas: list[Replica], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.monitoring.store.changes.KEPT", 4)
    for n in range(5):
        await desk.says(desk.alert(f"a{n}", entities=()))
    async with reading(replicas[0], desk, after=2) as reader:
        reset = await reader.next()
        await desk.says(Updated(desk.alert("a0", entities=(), related_events_count=11)))
        after = await reader.next()

    assert (reset["event"], reset["id"]) == ("reset", "10")
    assert (after["event"], after["id"]) == ("alert_updated", "11")


async def test_a_stream_ends_when_its_token_is_revoked(replicas: list[Replica], desk: Desk) -> None:
    async with reading(replicas[0], desk, who="kim") as reader:
        mark = a_watermark(not_before=desk.now + timedelta(seconds=1), tenant_id=desk.tenant, user_id="kim")
        replicas[0].watermarks.note(mark)
        began = asyncio.get_running_loop().time()
        end = await reader.next()
        took = asyncio.get_running_loop().time() - began
        assert await reader.next() == {}

    assert (end["event"], end["data"]) == ("end", {"reason": "token-revoked"})
    assert took < 2


async def test_a_stream_ends_when_its_token_expires(replicas: list[Replica], desk: Desk) -> None:
    async with reading(replicas[1], desk) as reader:
        desk.service.clock.advance(ACCESS_TOKEN_LIFE)
        end = await reader.next()

    assert end["data"] == {"reason": "token-expired"}


async def test_a_quiet_stream_shows_that_it_lives(
    replicas: list[Replica], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_EVERY", timedelta(milliseconds=50))
    async with reading(replicas[0], desk) as reader, asyncio.timeout(SOON.total_seconds()):
        async for line in reader._lines:
            if line.startswith(":"):
                break


async def test_only_so_many_streams_of_a_tenant_are_open_and_a_closed_one_makes_room(
    replicas: list[Replica], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_OF_A_TENANT", 2)
    other = Desk(desk.service)
    async with reading(replicas[0], desk):
        async with reading(replicas[0], desk):
            async with reading(replicas[0], desk) as third:
                problem(third.response, 429, "too-many-streams")
            async with reading(replicas[0], other) as theirs:
                assert theirs.response.status_code == 200

        async def has_room() -> bool:
            async with reading(replicas[0], desk) as again:
                return again.response.status_code == 200

        await until(has_room, within=SOON, what="a place is free again")


async def test_a_stream_has_to_be_asked_for_as_one(replicas: list[Replica], desk: Desk) -> None:
    async with reading(replicas[0], desk, Accept="*/*") as reader:
        problem(reader.response, 406, "not-acceptable")


@pytest.mark.parametrize("last", ["-1", "x", "1.5", "9" * 30])
async def test_a_made_up_last_event_id_is_refused(replicas: list[Replica], desk: Desk, last: str) -> None:
    async with reading(replicas[0], desk, after=last) as reader:
        problem(reader.response, 400, "bad-last-event-id")


async def test_a_stream_that_nobody_wakes_looks_by_itself(
    replicas: list[Replica], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LOOKED_EVERY", timedelta(milliseconds=100))
    monkeypatch.setattr("services.monitoring.store.changes.CHANNEL", "nobody_listens")
    async with reading(replicas[0], desk, after=0) as reader:
        await desk.says(desk.alert("a"))
        assert (await reader.next())["data"]["subject"] == "a"
