"""Traces: carried from what came in to what goes out, recorded where somebody collects them, in nobody's way else."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from nuxari_events.roles import Role

from shared.embedded.child import free_port
from shared.telemetry import tracing
from shared.telemetry.tracing import continued, current_traceparent, is_traceparent, new_traceparent
from shared.web.server import serve
from tests.telemetry.capture import Logs
from tests.web.stage import AGENTS, a_client, an_app
from tests.web.test_server import accepting

ROOT = Path(__file__).parents[2]
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def _trace_id(traceparent: str | None) -> str | None:
    return traceparent.split("-")[1] if traceparent else None


def test_outside_of_any_trace_there_is_none():
    assert current_traceparent() is None
    with continued(None):
        assert current_traceparent() is None


def test_a_trace_is_current_inside_the_block_and_the_former_one_after_it():
    with continued(PARENT):
        outer = current_traceparent()
        with continued(new_traceparent()):
            inner = current_traceparent()
        again = current_traceparent()

    assert _trace_id(outer) == _trace_id(PARENT)
    assert _trace_id(inner) != _trace_id(outer)
    assert again == outer
    assert current_traceparent() is None


def test_an_error_in_the_block_passes_and_ends_the_trace():
    with pytest.raises(ValueError, match="as it was"), continued(PARENT):
        raise ValueError("as it was")

    assert current_traceparent() is None


async def test_tasks_side_by_side_have_traces_of_their_own():
    async def under(parent: str) -> str | None:
        with continued(parent):
            await asyncio.sleep(0)
            return current_traceparent()

    parents = [new_traceparent() for _ in range(20)]

    found = await asyncio.gather(*map(under, parents))

    assert [_trace_id(one) for one in found] == [_trace_id(parent) for parent in parents]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        PARENT.upper(),
        PARENT + "\n",
        PARENT * 2,
    ],
)
def test_what_is_no_traceparent_starts_no_trace(text: str):
    assert not is_traceparent(text)
    with continued(text):
        assert current_traceparent() is None


def test_a_new_trace_is_a_valid_one_and_never_the_same():
    traces = {new_traceparent() for _ in range(100)}

    assert len(traces) == 100
    assert all(map(is_traceparent, traces))


@pytest.mark.parametrize("given", [PARENT, "nonsense", None])
async def test_a_request_is_handled_under_the_callers_trace_or_one_of_its_own(
    monkeypatch: pytest.MonkeyPatch, given: str | None
):
    seen: list[str | None] = []
    app = an_app()
    monkeypatch.setattr(app.state.verifier, "_watermarks", _Spy(seen))
    async with a_client(app, Role.CLIENT_ADMIN) as client:
        await client.get(AGENTS, headers={"traceparent": given} if given else {})

    (current,) = seen
    assert current is not None
    assert is_traceparent(current)
    assert (_trace_id(current) == _trace_id(PARENT)) == (given == PARENT)


class _Spy:
    """Looks, from inside a request, which trace it is handled under."""

    def __init__(self, seen: list[str | None]) -> None:
        self._seen = seen

    def voids(self, **_: object) -> bool:
        self._seen.append(current_traceparent())
        return False


@pytest.fixture
async def collector() -> AsyncIterator[tuple[str, list[bytes]]]:
    """The address of an OTLP collector, and what it received."""
    app, port, stop, received = FastAPI(), free_port(), asyncio.Event(), []

    @app.post("/v1/traces")
    async def take(request: Request) -> None:
        received.append(await request.body())

    server = asyncio.create_task(serve(app, port=port, stop=stop))
    await accepting(port)
    yield f"http://127.0.0.1:{port}", received
    stop.set()
    await server


RECORDING = """
from shared.telemetry import tracing
stop = tracing.export_if_wanted(service="till")
try:
    with tracing.continued("{parent}", name="ring up"):
        print(tracing.current_traceparent(), end="")
        raise RuntimeError("hunter2")
except RuntimeError:
    stop()
"""


async def test_spans_reach_a_collector_under_the_callers_trace_without_any_exceptions_text(
    collector: tuple[str, list[bytes]],
):
    pytest.importorskip("opentelemetry.sdk")
    endpoint, received = collector
    script = RECORDING.format(parent=PARENT)

    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=ROOT, stdout=subprocess.PIPE, env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    )
    output, _ = await asyncio.wait_for(child.communicate(), 60)

    (spans,) = received
    assert child.returncode == 0
    assert _trace_id(output.decode()) == _trace_id(PARENT)
    assert output.decode() != PARENT
    assert bytes.fromhex(str(_trace_id(PARENT))) in spans
    assert b"ring up" in spans
    assert b"RuntimeError" in spans
    assert b"till" in spans
    assert b"hunter2" not in spans


ENDING = """
import time
from shared.telemetry import tracing
stop = tracing.export_if_wanted(service="till")
with tracing.continued("{parent}"):
    began = time.monotonic()
stop()
print(time.monotonic() - began)
"""


async def test_a_collector_that_is_away_does_not_hold_up_the_end_of_a_service():
    endpoint = f"http://127.0.0.1:{free_port()}"

    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ENDING.format(parent=PARENT)),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint},
    )
    output, _ = await asyncio.wait_for(child.communicate(), 60)

    assert child.returncode == 0
    assert float(output) < 4


ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("environment", "is_wanted"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "True"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "false"}, True),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "otlp"}, True),
    ],
)
def test_spans_are_exported_where_the_environment_names_an_endpoint_and_does_not_forbid_it(
    monkeypatch: pytest.MonkeyPatch, *, environment: dict[str, str], is_wanted: bool
):
    for name in (*ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    exported: list[str] = []
    monkeypatch.setattr(tracing, "export", lambda *, service: exported.append(service))

    tracing.export_if_wanted(service="till")

    assert exported == (["till"] if is_wanted else [])


def test_without_the_extra_a_service_runs_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch, logs: Logs):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    tracing.export_if_wanted(service="till")()

    assert "install nuxari-security[otel]" in logs.one("no traces")["why"]


async def test_a_log_line_of_a_request_bears_the_requests_id(logs: Logs):
    async with a_client(an_app()) as client:
        response = await client.get("/v1/tenants/acme/away")

    assert logs.one("a request could not be served now")["request_id"] == response.headers["x-request-id"]
