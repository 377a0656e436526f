"""What is kept of a decision: everything that PostgreSQL gives back as it took it, and never a secret."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.persistence.audit_log import DEEPEST, LONGEST_TEXT, plain
from shared.telemetry.logging import REDACTED
from tests.persistence.audited import Log, a_log, entered

SECRET = "correct horse battery staple"
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


@pytest.fixture
async def log(postgres: str, fresh_database: str) -> AsyncIterator[Log]:
    async with a_log(postgres, fresh_database) as log:
        yield log


async def test_no_secret_is_kept_under_the_name_of_one(log: Log) -> None:
    detail = {
        "password": SECRET,
        "new_password_hash": SECRET,
        "refresh_token": SECRET,
        "totp_secret": {"inner": SECRET},
        "request": {"headers": [{"Authorization": SECRET}], "private_key": [SECRET]},
        "recovery_codes": [SECRET],
        "otp": 123456,
        "user_id": "ada",
    }
    async with log.database.transaction("acme") as transaction:
        await entered(transaction, detail=detail, policy={"version": 1, "api_key": SECRET})

    (entry,) = await log.entries()
    assert entry.detail == {
        "password": REDACTED,
        "new_password_hash": REDACTED,
        "refresh_token": REDACTED,
        "totp_secret": REDACTED,
        "request": {"headers": [{"Authorization": REDACTED}], "private_key": REDACTED},
        "recovery_codes": REDACTED,
        "otp": REDACTED,
        "user_id": "ada",
    }
    assert entry.policy == {"version": 1, "api_key": REDACTED}
    assert (await log.verdict()).broken_at is None


@pytest.mark.parametrize("place", ["reason", "target", "actor_id", "detail"])
async def test_no_secret_that_a_text_quotes_is_kept(log: Log, place: str) -> None:
    text = f"called with Bearer {JWT} against postgres://ada:{SECRET.replace(' ', '-')}@db/nuxari"
    async with log.database.transaction("acme") as transaction:
        await entered(transaction, **{"target": "a-1", place: {"note": text} if place == "detail" else text})

    (entry,) = await log.entries()
    assert JWT not in repr(entry)
    assert SECRET.replace(" ", "-") not in repr(entry)
    assert REDACTED in repr(entry)


@pytest.mark.parametrize("value", [b"secret", object(), {"inner": [b"secret"]}])
async def test_what_is_not_for_a_log_is_refused(log: Log, value: object) -> None:
    async with log.database.transaction("acme") as transaction:
        with pytest.raises(TypeError, match="cannot be kept"):
            await entered(transaction, detail={"value": value})


async def test_a_text_is_cut_and_what_cannot_be_stored_in_it_is_replaced(log: Log) -> None:
    async with log.database.transaction("acme") as transaction:
        await entered(transaction, "a\0b", reason="x" * 5000, detail={"a\0b\ud800": "\udfff" + "y" * 5000})

    (entry,) = await log.entries()
    assert (entry.target, entry.reason) == ("a\ufffdb", "x" * LONGEST_TEXT)
    assert entry.detail == {"a\ufffdb\ufffd": "\ufffd" + "y" * (LONGEST_TEXT - 1)}


async def test_what_contains_itself_is_kept_to_some_depth(log: Log) -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    async with log.database.transaction("acme") as transaction:
        await entered(transaction, detail=endless)

    (entry,) = await log.entries()
    assert str(entry.detail).count("again") == DEEPEST
    assert (await log.verdict()).broken_at is None


_TIMES = st.datetimes(timezones=st.timezones(), min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1))  # noqa: DTZ001
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.timedeltas() | _TIMES
) | st.characters(categories=["Cs", "Cc"])
_KEYS = st.text(max_size=8) | st.integers() | st.characters(categories=["Cs", "Cc"])
_DETAILS = st.dictionaries(
    _KEYS,
    st.recursive(
        _SCALARS,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(_KEYS, inner, max_size=4)
            | st.tuples(inner)
            | st.sets(_SCALARS.filter(lambda value: value is not None), max_size=4)
        ),
        max_leaves=12,
    ),
    max_size=5,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(details=st.lists(_DETAILS, min_size=1, max_size=4))
async def test_any_detail_comes_back_as_it_was_hashed(log: Log, details: list[dict[Any, Any]]) -> None:
    async with log.database.transaction("acme") as transaction:
        for detail in details:
            await entered(transaction, detail=detail)

    entries = (await log.entries())[-len(details) :]
    assert [entry.detail for entry in entries] == [plain(detail) for detail in details]
    assert [entry.digest() for entry in entries] == [entry.hash for entry in entries]


@given(value=_DETAILS)
def test_what_is_plain_already_stays_as_it_is(value: dict[Any, Any]) -> None:
    once = plain(value)

    assert plain(once) == once


@given(value=st.sets(_SCALARS, max_size=6))
def test_a_set_has_one_order(value: set[Any]) -> None:
    assert plain(value) == plain(set(sorted(value, key=repr)))  # noqa: C414 - built in another order


@given(at=_TIMES)
def test_a_time_is_kept_in_utc(at: datetime) -> None:
    assert datetime.fromisoformat(plain(at)) == at.astimezone(UTC)
