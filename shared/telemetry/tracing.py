"""W3C trace context through the outbox: what an event causes belongs to the trace that caused it."""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta

import structlog
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""Version ff and ids of zeros are invalid (W3C Trace Context, section 3.2)."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

_SEND_REST_WITHIN = timedelta(seconds=2)

_log = structlog.get_logger(__name__)

_W3C = TraceContextTextMapPropagator()

_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def current_traceparent() -> str | None:
    """Return the `traceparent` of what is going on here; None outside of any trace."""
    return _current.get()


@contextmanager
def continued(traceparent: str | None, *, name: str = "apply") -> Iterator[None]:
    """Make the trace current inside the block, as a new span of it; without a trace, do nothing.

    Spans are recorded where `export` was called; the trace is carried on in any case.
    """
    if traceparent is None or not is_traceparent(traceparent):
        yield
        return
    with _span(traceparent, name):
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        reset = _current.set(carrier.get("traceparent", traceparent))
        try:
            yield
        finally:
            _current.reset(reset)


@contextmanager
def _span(parent: str, name: str) -> Iterator[None]:
    """Record a span; of an exception only its kind, because its text can quote a row, a request or a secret."""
    with trace.get_tracer("nuxari").start_as_current_span(
        name, context=_W3C.extract({"traceparent": parent}), record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except Exception as error:
            span.set_status(trace.Status(trace.StatusCode.ERROR, type(error).__qualname__))
            raise


def is_traceparent(text: str) -> bool:
    """Say whether the text is a W3C `traceparent`."""
    return _FORM.fullmatch(text) is not None


def new_traceparent() -> str:
    """Return the root of a new trace, sampled."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def export_if_wanted(*, service: str) -> Callable[[], None]:
    """Export this process's spans if an OTLP endpoint is named, as OpenTelemetry's own variables do; see `export`.

    `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` names it; `OTEL_SDK_DISABLED=true` and
    `OTEL_TRACES_EXPORTER=none` forbid it; headers, sampling and batches follow their variables too. Without the extra
    `otel` the service runs and says in one line that nothing is exported.
    """
    if not _is_wanted(os.environ):
        return _nothing
    try:
        return export(service=service)
    except RuntimeError as error:
        _log.warning("no traces", why=str(error))
        return _nothing


def _is_wanted(environment: Mapping[str, str]) -> bool:
    """OpenTelemetry environment variable specification: an empty value counts as none, `true` in any case as yes."""
    is_off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    is_elsewhere = environment.get("OTEL_TRACES_EXPORTER") not in {None, "", "otlp"}
    return any(environment.get(name) for name in _ENDPOINTS) and not is_off and not is_elsewhere


def _nothing() -> None:
    """There is nothing to stop."""


def export(*, service: str) -> Callable[[], None]:
    """Record this process's spans and send them to an OTLP collector over HTTP; the result sends the rest and stops.

    Where to, and how, is said by OpenTelemetry's own environment variables.

    Args:
        service: the `service.name` under which they appear.

    Raises:
        RuntimeError: the extra `otel` is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - an extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - an extra
    except ImportError:
        raise RuntimeError("traces are exported by the extra `otel`: install nuxari-security[otel]") from None
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return lambda: _end(provider.shutdown)


def _end(shutdown: Callable[[], None]) -> None:
    """Send the rest, for a moment: a collector that is away must not hold up the end of a service."""
    ending = threading.Thread(target=shutdown, daemon=True)
    ending.start()
    ending.join(_SEND_REST_WITHIN.total_seconds())
