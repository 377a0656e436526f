"""Logs: one line a record whoever logs it, and no secret in any of them however deep it lies."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from shared.telemetry.logging import LONGEST_VALUE, MOST_ITEMS, configure, redact
from tests.telemetry.capture import Logs

SECRET = "hunter2-hunter2"

NAMES = [
    "password",
    "new_password",
    "Password",
    "client_secret",
    "refresh_token",
    "TOKEN",
    "Authorization",
    "cookie",
    "Set-Cookie",
    "private_key",
    "privateKey",
    "api_key",
    "otp",
    "totp_seed",
    "code",
    "recovery_codes",
    "database_dsn",
    "passphrase",
]


class Body(BaseModel):
    name: str
    password: str


@dataclass
class Session:
    user: str
    refresh_token: str


def written(**fields: object) -> str:
    return json.dumps(redact(None, "info", {"event": "x", **fields}), ensure_ascii=False)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "value",
    [SECRET, SECRET.encode(), [SECRET], {"inner": SECRET}, {"inner": [{"deeper": SECRET.encode()}]}, SecretStr(SECRET)],
)
def test_the_value_of_a_secret_sounding_name_is_never_written(name: str, value: object):
    lines = [
        written(**{name: value}),
        written(request={name: value}),
        written(requests=[{"headers": {name: value}}]),
        written(headers=[(name, value)]),
        written(headers=[(name.encode(), value)]),
    ]

    assert all(SECRET not in line and "[redacted]" in line for line in lines)


@pytest.mark.parametrize("value", [Body(name="ada", password=SECRET), Session("ada", SECRET)])
def test_the_fields_of_an_object_are_looked_at_one_by_one(value: object):
    line = written(value=value)

    assert SECRET not in line
    assert "ada" in line


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://nuxari:{SECRET}@127.0.0.1:5432/identity",
        f"sent Authorization: Bearer {SECRET}",
        f"basic {SECRET}",
        f"got eyJhbGciOiJFZDI1NTE5In0.eyJzdWIiOiJhZGEifQ.{SECRET}",
    ],
)
def test_a_credential_inside_a_text_is_cut_out_of_it(text: str):
    assert SECRET not in written(detail=text)


def test_bytes_are_counted_and_exceptions_named():
    line = json.loads(written(value=SECRET.encode(), error=ValueError(SECRET), chain=[KeyError(SECRET)]))

    assert line == {"event": "x", "value": "[15 bytes]", "error": "ValueError", "chain": ["KeyError"]}


def test_ordinary_values_stay_as_they_are():
    at = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    line = json.loads(written(tenant="acme", count=3, ratio=0.5, ok=True, nothing=None, at=at, names=("a", "b", "c")))

    assert line["tenant"] == "acme"
    assert (line["count"], line["ratio"], line["ok"], line["nothing"]) == (3, 0.5, True, None)
    assert line["at"] == "2026-03-02 12:00:00+00:00"
    assert line["names"] == ["a", "b", "c"]


def test_a_long_or_deep_or_wide_value_is_cut():
    endless: list[Any] = []
    endless.append(endless)

    assert len(written(text="x" * 1_000_000)) < 2 * LONGEST_VALUE
    assert "nested too deep" in written(value=endless)
    assert len(json.loads(written(value=list(range(10_000))))["value"]) == MOST_ITEMS
    assert len(json.loads(written(value={str(n): n for n in range(10_000)}))["value"]) == MOST_ITEMS


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(SECRET),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("token"), inner),
        max_leaves=20,
    )
)
def test_any_value_becomes_one_line_of_valid_json(value: object):
    line = written(value={"password": value}, other=value)

    assert "\n" not in line
    assert json.loads(line, parse_constant=pytest.fail)["value"] == {"password": "[redacted]"}


def test_a_record_is_one_line_of_json_with_time_level_and_logger(logs: Logs):
    structlog.get_logger("shop.till").warning("drawer\nopen", tenant="acme")

    (line,) = logs.lines
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "drawer | open", "tenant": "acme", "level": "warning", "logger": "shop.till"}


def test_the_standard_librarys_records_go_the_same_way(logs: Logs):
    logging.getLogger("alembic.runtime").info("upgrade to %s with postgresql://a:%s@b", "0001", SECRET)
    logging.getLogger("aiokafka.conn").info("a chatty library")
    logging.getLogger("aiokafka.conn").warning("connection lost")

    assert [(line["logger"], line["level"]) for line in logs.lines] == [
        ("alembic.runtime", "info"),
        ("aiokafka.conn", "warning"),
    ]
    assert SECRET not in logs.text


@pytest.mark.parametrize("logger", [structlog.get_logger("ours"), logging.getLogger("theirs")])
def test_an_exception_is_written_as_its_kind_and_place_without_its_text(logs: Logs, logger: Any):
    try:
        raise RuntimeError(SECRET)  # noqa: TRY301 - raised to be logged
    except RuntimeError:
        logger.exception("it failed")

    line = logs.one("it failed")
    assert line["exception"]["type"] == "RuntimeError"
    assert "test_logging.py" in line["exception"]["at"][-1]
    assert SECRET not in logs.text


async def test_what_asyncio_says_of_a_failed_task_does_not_quote_its_exception(logs: Logs):
    async def fail() -> None:
        raise RuntimeError(SECRET)

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    context = {"message": "Task exception was never retrieved", "exception": task.exception(), "future": task}
    asyncio.get_running_loop().default_exception_handler(context)

    assert logs.one("Task exception was never retrieved")["exception"]["type"] == "RuntimeError"
    assert SECRET not in logs.text


@pytest.fixture
def _as_it_was() -> Iterator[None]:
    yield
    configure(level="info", form="json")


@pytest.mark.usefixtures("_as_it_was")
def test_the_console_form_is_a_line_for_people_and_redacted_too(monkeypatch: pytest.MonkeyPatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure(level="warning", form="console")

    logging.getLogger("x").info("not at this level")
    logging.getLogger("x").warning("mind the gap postgresql://a:%s@b", SECRET)

    assert stream.getvalue().count("\n") == 1
    assert "mind the gap" in stream.getvalue()
    assert SECRET not in stream.getvalue()
