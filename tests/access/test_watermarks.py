"""Watermarks: whose tokens are void from when, in any order of arrival, in bounded memory."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.access.tokens import LONGEST_LIFE, Watermarks
from tests.access.credentials import NOON, a_watermark, ago


def voids(
    watermarks: Watermarks,
    *,
    tenant_id: str = "acme",
    user_id: str = "ada",
    session_id: str = "s-1",
    issued_at=NOON - timedelta(minutes=1),
) -> bool:
    return watermarks.voids(
        tenant_id=tenant_id, user_id=user_id, session_id=session_id, issued_at=issued_at.timestamp()
    )


def test_a_users_watermark_voids_every_session_of_that_user_and_nobody_elses():
    watermarks = Watermarks()

    watermarks.note(a_watermark(not_before=NOON))

    assert voids(watermarks)
    assert voids(watermarks, session_id="s-2")
    assert not voids(watermarks, user_id="bob")
    assert not voids(watermarks, tenant_id="globex")


def test_a_sessions_watermark_voids_that_session_alone():
    watermarks = Watermarks()

    watermarks.note(a_watermark(not_before=NOON, session_id="s-1"))

    assert voids(watermarks)
    assert not voids(watermarks, session_id="s-2")


@given(minutes=st.lists(st.integers(0, 30), min_size=1, max_size=8))
def test_the_latest_watermark_counts_in_whatever_order_they_arrive(minutes: list[int]):
    watermarks = Watermarks()

    for minute in minutes:
        watermarks.note(a_watermark(not_before=ago(minutes=minute)))

    newest = ago(minutes=min(minutes))
    assert voids(watermarks, issued_at=newest - timedelta(microseconds=1))
    assert not voids(watermarks, issued_at=newest)


def test_watermarks_are_forgotten_once_every_token_they_void_has_expired():
    watermarks = Watermarks()
    for day in range(2000, 0, -1):
        watermarks.note(a_watermark(not_before=ago(days=day), user_id=f"user-{day}"))

    watermarks.note(a_watermark(not_before=NOON))

    assert len(watermarks._marks) == 1


def test_a_watermark_is_kept_for_as_long_as_a_token_that_it_voids_can_live():
    watermarks = Watermarks()
    watermarks.note(a_watermark(not_before=NOON - LONGEST_LIFE))

    watermarks.note(a_watermark(not_before=NOON, user_id="bob"))

    assert voids(watermarks, issued_at=NOON - LONGEST_LIFE - timedelta(seconds=1))


def test_a_watermark_dated_in_the_future_makes_no_other_forgotten():
    watermarks = Watermarks()
    watermarks.note(a_watermark(not_before=NOON))
    far = a_watermark(not_before=NOON + timedelta(days=365), user_id="bob").model_copy(update={"time": NOON})

    watermarks.note(far)

    assert voids(watermarks)
