"""The service as a process: it becomes ready on a real broker and database, does its work, and stops when told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from joserfc.jwk import KeySet
from nuxari_events.credentials import CredentialOrphaned
from nuxari_events.ids import uuid7
from nuxari_events.roles import Role

from shared.clock import SystemClock
from shared.embedded.child import free_port
from shared.messaging.provision import apply_topics
from tests.access.credentials import a_key, a_token, public
from tests.credential_governance.builders import user_activated, user_deactivated
from tests.credential_governance.kafka import arrived, publish
from tests.credential_governance.stage import Stage
from tests.waiting import until

KEY = a_key()
START = timedelta(seconds=40)


@asynccontextmanager
async def _identity(keys: KeySet) -> AsyncIterator[str]:
    """Something that publishes identity's keys."""
    app, port = FastAPI(), free_port()

    @app.get("/.well-known/jwks.json")
    async def jwks() -> Any:
        return keys.as_dict(private=False)

    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def _process(
    stage: Stage, kafka: str, identity_url: str
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    port = free_port()
    environment = os.environ | {
        "NUXARI_KAFKA_BOOTSTRAP_SERVERS": kafka,
        "NUXARI_DATABASE_DSN": stage.dsn,
        "NUXARI_RELAY_DSN": stage.relay_dsn,
        "NUXARI_IDENTITY_URL": identity_url,
        "NUXARI_PORT": str(port),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.credential_governance", env=environment
    )
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _ready(client: httpx.AsyncClient) -> None:
    async def is_ready() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return (await client.get("/ready")).status_code == 200
        return False

    await until(is_ready, within=START, what="the service is ready")


async def test_the_process_registers_orphans_and_stops(stage: Stage, kafka: str) -> None:
    await apply_topics(kafka, replication_factor=1)
    tenant, now = f"t-{uuid7()[-12:]}", SystemClock().now()
    token = a_token(KEY, Role.CLIENT_OWNER, at=now, tenant_id=tenant)
    async with (
        _identity(public(KEY)) as identity_url,
        _process(stage, kafka, identity_url) as (url, process),
        httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client,
    ):
        await _ready(client)
        await publish(kafka, [user_activated(at=now, tenant=tenant)])
        path, body = f"/v1/tenants/{tenant}/credentials", {"name": "key", "kind": "api_key", "owner_id": "ada"}
        answers: list[httpx.Response] = []

        async def is_registered() -> bool:
            answers.append(await client.post(path, json=body | {"issued_at": now.isoformat()}))
            return answers[-1].status_code == 201

        await until(is_registered, within=START, what="the owner is known")
        await publish(kafka, [user_deactivated(at=now, tenant=tenant)])
        orphaned = await arrived(
            kafka, tenant, lambda e: isinstance(e[-1], CredentialOrphaned) if e else False, what="the orphan"
        )
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
    assert {answer.json().get("code") for answer in answers[:-1]} <= {"owner-unknown"}
    assert orphaned[-1].subject == answers[-1].json()["credential_id"]
