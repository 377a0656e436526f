"""Records come in order of time, whatever the order and size of the files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli import ingest_order
from services.cli.ingest_order import TimeOrder
from services.cli.record_files import Entry

START = datetime(2025, 6, 3, tzinfo=UTC)


def moment(record: Any) -> datetime | None:
    minute = record.get("minute")
    return None if minute is None else START + timedelta(minutes=minute)


def an_entry(number: int, minute: int | None) -> Entry:
    record = {"minute": minute, "number": number}
    return Entry(path=Path("a.json"), number=number, text=json.dumps(record), record=record)


def ordered(minutes: Sequence[int | None]) -> list[tuple[int | None, int]]:
    with TimeOrder(moment) as order:
        for number, minute in enumerate(minutes, start=1):
            order.take(an_entry(number, minute))
        return [(entry.record["minute"], entry.number) for entry in order.entries() if entry.record]  # type: ignore[misc]


@given(st.lists(st.none() | st.integers(-1000, 1000), max_size=60), st.sampled_from([40, 200, 10_000]))
def test_entries_come_by_time_and_equal_times_as_they_came(minutes: list[int | None], run: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest_order, "RUN_CHARACTERS", run)
        patch.setattr(ingest_order, "MOST_RUNS", 3)
        found = ordered(minutes)

    key = {None: -10_000}
    expected = sorted(
        ((minute, number) for number, minute in enumerate(minutes, start=1)),
        key=lambda one: (key.get(one[0], one[0]), one[1]),
    )
    assert found == expected


def test_text_that_is_no_record_comes_first_and_stays_as_it_is() -> None:
    broken = Entry(path=Path("a.json"), number=2, text="{broken é", record=None)

    with TimeOrder(moment) as order:
        order.take(an_entry(1, 5))
        order.take(broken)
        first, second = order.entries()

    assert (first, second) == (broken, an_entry(1, 5))
    assert order.taken == 2
