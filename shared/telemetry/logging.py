"""Logs: one line a record, JSON or console, and no secret in any of them whoever logs what."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

import structlog

REDACTED = "[redacted]"

LONGEST_VALUE = 2048
"""A longer text is cut: a log line is not a place to keep a document."""

_SECRET = re.compile(
    r"password|passwd|secret|token|authorization|cookie|private_?key|api_?key|otp|recovery|credential_value|dsn|"
    r"signature|passphrase|^code$|^pin$",
    re.IGNORECASE,
)
"""Names of fields whose values are never written."""

_DSN_PASSWORD = re.compile(r"(://[^:/@\s]+:)[^@\s]+@")


def configure(*, level: str = "info", form: Literal["json", "console"] = "json") -> None:
    """Route structlog and the standard library's logging to standard error, redacted."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _format_exception,
        redact,
    ]
    renderer = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[_drop_internals, renderer], foreign_pre_chain=shared)
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("aiokafka", "httpx", "httpcore", "uvicorn", "faststream", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def redact(_: object, __: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the values of secret-sounding names, at any depth, and cut overlong texts."""
    for name, value in record.items():
        record[name] = REDACTED if _SECRET.search(name) else _clean(value)
    return record


def _clean(value: Any) -> Any:  # noqa: ANN401 - whatever is logged
    if isinstance(value, Mapping):
        return {str(k): REDACTED if _SECRET.search(str(k)) else _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    if isinstance(value, bytes):
        return f"[{len(value)} bytes]"
    if isinstance(value, str):
        text = _DSN_PASSWORD.sub(rf"\1{REDACTED}@", value)
        return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + f"... [{len(text)} characters]"
    return value


def _format_exception(_: object, __: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say where an exception came from and of what kind it was; its text can quote a row, a request or a secret."""
    given = record.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        frames = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
        record["exception"] = {"type": type(error).__qualname__, "at": frames[-12:]}
    return record


def _drop_internals(_: object, __: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record.pop("_record", None)
    record.pop("_from_structlog", None)
    return record
