"""Cursors, ETags and rate limits: each a small promise to a client, each with bad input refused clearly."""

from __future__ import annotations

import base64
import contextlib
import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nuxari_events.roles import Role

from shared.web import rate
from shared.web.paging import decode_cursor, encode_cursor
from shared.web.problems import Problem
from shared.web.rate import RateLimit
from tests.access.credentials import NOON, ago
from tests.web.stage import AGENTS, a_client, an_app, problem

POLICY = "/v1/tenants/acme/mfa-policy"


@pytest.mark.parametrize("limit", [1, 7, 200])
async def test_following_the_cursor_shows_everything_once_in_order(limit: int):
    seen: list[str] = []
    async with a_client(an_app(), Role.CLIENT_ADMIN) as client:
        query = {"limit": limit, **({"cursor": encode_cursor("agent-440")} if limit == 1 else {})}
        while True:
            document = (await client.get(AGENTS, params=query)).json()
            seen += document["items"]
            if document["next"] is None:
                break
            query["cursor"] = document["next"]

    first = 441 if limit == 1 else 0
    assert seen == [f"agent-{n:03}" for n in range(first, 450)]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "many", ""])
async def test_a_limit_outside_one_to_two_hundred_is_422(limit: str):
    async with a_client(an_app(), Role.CLIENT_ADMIN) as client:
        problem(await client.get(AGENTS, params={"limit": limit}), 422, "invalid-request")


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    ["x", "%", "é", "W10", _encoded([1]), _encoded(["a", "b"]), _encoded(["\0"]), _encoded(["\ud800"]), _encoded({})],
)
async def test_a_made_up_cursor_is_400(cursor: str):
    async with a_client(an_app(), Role.CLIENT_ADMIN) as client:
        problem(await client.get(AGENTS, params={"cursor": cursor}), 400, "bad-cursor")


@given(key=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=3))
def test_a_cursor_holds_its_key(key: list[str]):
    assert decode_cursor(encode_cursor(*key), parts=len(key)) == tuple(key)


@given(cursor=st.text(max_size=100))
def test_any_text_is_a_cursor_or_a_problem(cursor: str):
    key: tuple[str, ...] | None = None
    with contextlib.suppress(Problem):
        key = decode_cursor(cursor)

    assert key is None or len(key) == 1


async def _changed(if_match: bytes | None) -> object:
    headers = {} if if_match is None else {"If-Match": if_match}
    async with a_client(an_app(), Role.CLIENT_OWNER, mfa_at=ago(minutes=1)) as client:
        return await client.put(POLICY, headers=headers)  # type: ignore[arg-type]


async def test_a_write_based_on_the_newest_version_succeeds_and_gives_the_next_etag():
    response = await _changed(b'"7"')

    assert response.status_code == 200
    assert response.headers["etag"] == '"8"'


async def test_a_write_that_names_no_version_is_428():
    problem(await _changed(None), 428, "if-match-required")


@pytest.mark.parametrize(
    "if_match", [b'"6"', b"7", b'W/"7"', b"*", b'"\xb2"', b'"' + b"7" * 5000 + b'"', b'"7", "8"', b""]
)
async def test_a_write_based_on_another_version_is_412(if_match: bytes):
    problem(await _changed(if_match), 412, "version-stale")


def _taken(limit: RateLimit, key: str, *, at=NOON) -> str | None:
    """Use up a try; return Retry-After if there was none."""
    try:
        limit.take(key, at=at)
    except Problem as refused:
        return refused.headers["Retry-After"] if refused.status == 429 else f"an unexpected {refused}"
    return None


def test_tries_run_out_per_key_and_come_back_with_time():
    limit = RateLimit(tries=3, every=timedelta(seconds=10))

    burst = [_taken(limit, "ada") for _ in range(5)]

    assert burst == [None, None, None, "10", "10"]
    assert _taken(limit, "bob") is None
    assert _taken(limit, "ada", at=NOON + timedelta(seconds=4)) == "6"
    assert _taken(limit, "ada", at=NOON + timedelta(seconds=10)) is None
    assert _taken(limit, "ada", at=NOON + timedelta(seconds=10)) == "10"


def test_waiting_never_saves_up_more_than_the_first_tries():
    limit = RateLimit(tries=2, every=timedelta(seconds=1))
    _taken(limit, "ada")

    later = [_taken(limit, "ada", at=NOON + timedelta(days=1)) for _ in range(3)]

    assert later == [None, None, "1"]


def test_a_clock_that_steps_back_takes_no_tries_away():
    limit = RateLimit(tries=2, every=timedelta(seconds=1))
    _taken(limit, "ada")

    assert _taken(limit, "ada", at=ago(hours=1)) is None


def test_the_keys_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rate, "MOST_KEYS", 10)
    limit = RateLimit(tries=1, every=timedelta(hours=1))

    for n in range(100):
        _taken(limit, f"key-{n}")

    assert len(limit._buckets) == 10
    assert _taken(limit, "key-99") is not None


@given(waits=st.lists(st.integers(0, 30), max_size=40))
def test_never_more_than_the_burst_and_one_for_each_interval(waits: list[int]):
    limit, at, taken = RateLimit(tries=3, every=timedelta(seconds=10)), NOON, 0

    for wait in waits:
        at += timedelta(seconds=wait)
        taken += _taken(limit, "ada", at=at) is None

    assert taken <= 3 + sum(waits) / 10
