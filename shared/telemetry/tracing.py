"""W3C trace context through the outbox: what an event causes belongs to the trace that caused it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

try:
    from opentelemetry import trace as _otel
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:  # the extra `otel` is not installed: trace ids are carried, spans are not recorded
    _otel = None  # type: ignore[assignment]

_FORM = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def current_traceparent() -> str | None:
    """Return the `traceparent` of what is going on here; None outside of any trace."""
    return _current.get()


@contextmanager
def continued(traceparent: str | None, *, name: str = "apply") -> Iterator[None]:
    """Make the trace current inside the block, as a new span of it; without a trace, do nothing."""
    if traceparent is None:
        yield
        return
    with _span(traceparent, name) as child:
        reset = _current.set(child)
        try:
            yield
        finally:
            _current.reset(reset)


def is_traceparent(text: str) -> bool:
    """Say whether the text is a W3C `traceparent`."""
    return _FORM.fullmatch(text) is not None


def new_traceparent() -> str:
    """Return the root of a new trace, sampled."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


@contextmanager
def _span(parent: str, name: str) -> Iterator[str]:
    """Yield the `traceparent` of a child span, recorded where OpenTelemetry is installed and configured."""
    version, trace_id, _, flags = parent.split("-")
    if _otel is None:
        yield f"{version}-{trace_id}-{secrets.token_hex(8)}-{flags}"
        return
    context = TraceContextTextMapPropagator().extract({"traceparent": parent})
    with _otel.get_tracer("nuxari").start_as_current_span(name, context=context):
        carrier: dict[str, Any] = {}
        TraceContextTextMapPropagator().inject(carrier)
        yield carrier.get("traceparent", parent)
