"""Logs: one line a record, JSON or console, and no secret in any of them whoever logs what."""

from __future__ import annotations

import dataclasses
import logging
import math
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, MutableMapping
from itertools import islice
from typing import Any, Literal

import structlog
from pydantic import BaseModel

REDACTED = "[redacted]"

LONGEST_VALUE = 2048
"""A longer text is cut: a log line is not a place to keep a document."""

MOST_ITEMS = 100
"""So many entries of a list or a mapping are written."""

DEEPEST = 8
"""Levels of lists and mappings that are written; what has more may also contain itself."""

_SECRET = re.compile(
    r"password|passwd|secret|token|authorization|cookie|private_?key|api_?key|otp|recovery|credential_value|dsn|"
    r"signature|passphrase|^code$|^pin$",
    re.IGNORECASE,
)
"""Names of fields whose values are never written."""

_DSN_PASSWORD = re.compile(r"(://[^:/@\s]+:)[^@\s]+@")

_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*")
"""Credentials of an Authorization header, and JWTs, wherever a text quotes them."""


def configure(*, level: str = "info", form: Literal["json", "console"] = "json") -> None:
    """Route structlog and the standard library's logging to standard error, redacted."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _format_exception,
        _one_line,
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
        if not name.startswith("_"):
            record[name] = _named(name, value, 0)
    return record


def without_passwords(text: str) -> str:
    """Return the text with the passwords of its DSNs replaced."""
    return _DSN_PASSWORD.sub(rf"\1{REDACTED}@", text)


def names_secret(name: str) -> bool:
    """Say whether a field of that name is bound to hold a secret."""
    return _SECRET.search(name) is not None


def without_secrets(text: str) -> str:
    """Return the text with what it quotes of DSNs' passwords, Authorization headers and JWTs replaced."""
    return _BEARER.sub(REDACTED, without_passwords(text))


def _named(name: str, value: object, depth: int) -> object:
    return REDACTED if names_secret(name) else _clean(value, depth)


def _clean(value: object, depth: int) -> object:
    """Return what may be written of a value: nothing that is bound to hold a secret, and not too much of it."""
    match value:
        case None | bool() | int():
            return value
        case float() if math.isfinite(value):
            return value
        case bytes() | bytearray() | memoryview():
            return f"[{len(value)} bytes]"
        case BaseException():
            return type(value).__qualname__
        case _:
            return "[nested too deep]" if depth >= DEEPEST else _clean_parts(value, depth + 1)


def _clean_parts(value: object, depth: int) -> object:
    if isinstance(value, BaseModel):
        value = dict(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _named(str(k), v, depth) for k, v in islice(value.items(), MOST_ITEMS)}
    if isinstance(value, list | tuple | set | frozenset):
        return _clean_items(value, depth)
    return _text(str(value))


def _clean_items(items: Iterable[object], depth: int) -> list[object]:
    """Clean a list; a pair whose first half names a secret, such as a header, is one that loses its second."""
    match items:
        case (str() | bytes() as name, second):
            text = name.decode("latin-1") if isinstance(name, bytes) else name
            return [_text(text), _named(text, second, depth)]
        case _:
            return [_clean(item, depth) for item in islice(items, MOST_ITEMS)]


def _text(value: str) -> str:
    text = without_secrets(value[: 2 * LONGEST_VALUE])
    return text if len(value) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}... [{len(value)} characters]"


def _one_line(_: object, __: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep a record to one line; asyncio quotes an exception's text in the lines after its first."""
    first, *rest = str(record.get("event", "")).splitlines() or [""]
    record["event"] = first if record.get("logger") == "asyncio" else " | ".join([first, *rest])
    return record


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
