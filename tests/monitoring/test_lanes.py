"""Streams side by side: what waits for what, when time comes on, and where to read on."""

from __future__ import annotations

from typing import NamedTuple

from services.monitoring.domain.lanes import MOST_WAITING, PATIENCE, Lanes

NOW = 1_000_000


class Placed(NamedTuple):
    offset: int
    timestamp: int


def _records(*timestamps: int, first: int = 0) -> list[Placed]:
    return [Placed(first + n, timestamp) for n, timestamp in enumerate(timestamps)]


def _lanes(*, ends: dict[str, int], said: dict[str, int] | None = None) -> Lanes[Placed]:
    """Two streams that end at these offsets, of which nothing was read."""
    lanes: Lanes[Placed] = Lanes(["slow", "fast"], offsets={}, said=said)
    for topic, end in ends.items():
        lanes.note(topic, received=0, end=end, asked_ms=NOW)
    return lanes


def _through(lanes: Lanes[Placed]) -> list[int]:
    return [record.timestamp for record in lanes.let_through()]


def test_a_stream_does_not_run_ahead_of_one_that_has_more() -> None:
    lanes = _lanes(ends={"slow": 3, "fast": 4})
    lanes.put("fast", _records(1, 5, 9, 20))
    assert _through(lanes) == []
    lanes.put("slow", _records(2, 6))
    assert _through(lanes) == [2, 6, 1, 5]
    lanes.put("slow", _records(30, first=2))
    assert _through(lanes) == [30, 9, 20]


def test_a_stream_that_nobody_writes_to_holds_nothing_back() -> None:
    lanes = _lanes(ends={"slow": 0, "fast": 1})
    lanes.put("fast", _records(1))
    assert _through(lanes) == [1]


def test_a_stream_of_which_nothing_is_known_yet_holds_back() -> None:
    lanes = _lanes(ends={"fast": 1})
    lanes.put("fast", _records(1))
    assert _through(lanes) == []
    lanes.note("slow", received=0, end=0, asked_ms=NOW)
    assert _through(lanes) == [1]


def test_a_stream_that_was_cut_off_at_its_beginning_is_read_when_its_position_says_so() -> None:
    lanes = _lanes(ends={"slow": 70, "fast": 1})
    lanes.put("fast", _records(1))
    assert _through(lanes) == []
    lanes.note("slow", received=70, end=70, asked_ms=NOW)
    assert _through(lanes) == [1]
    assert lanes.offsets == {"slow": 70, "fast": 1}


def test_a_stream_that_does_not_move_for_long_is_waited_for_no_longer() -> None:
    lanes = _lanes(ends={"slow": 1, "fast": 1})
    lanes.put("fast", _records(1))
    for _ in range(PATIENCE - 1):
        lanes.look()
    assert _through(lanes) == []
    assert lanes.time_ms(NOW) == -1
    lanes.look()
    assert _through(lanes) == [1]
    assert lanes.time_ms(NOW) == NOW


def test_what_waits_is_read_again_by_whoever_comes_next() -> None:
    lanes = _lanes(ends={"slow": 9, "fast": 9})
    lanes.put("fast", _records(1, 5, 9))
    lanes.put("slow", _records(6))
    assert _through(lanes) == [6, 1, 5]
    assert lanes.offsets == {"slow": 1, "fast": 2}


def test_what_was_not_dealt_with_is_let_through_again() -> None:
    lanes = _lanes(ends={"slow": 0, "fast": 2})
    lanes.put("fast", _records(1, 2))
    assert next(lanes.let_through()).timestamp == 1
    assert lanes.offsets["fast"] == 0
    assert _through(lanes) == [1, 2]


def test_enough_waiting_is_enough() -> None:
    lanes = _lanes(ends={"slow": 1, "fast": 1_000_000})
    lanes.put("fast", _records(*range(MOST_WAITING - 1)))
    assert lanes.full == []
    lanes.put("fast", _records(MOST_WAITING, first=MOST_WAITING - 1))
    assert lanes.full == ["fast"]


def test_time_is_that_of_the_slowest_stream_and_of_the_last_answer() -> None:
    lanes = _lanes(ends={"slow": 2, "fast": 2})
    lanes.put("fast", _records(1, 50))
    lanes.put("slow", _records(30))
    assert lanes.time_ms(NOW) == 30
    lanes.put("slow", _records(40, first=1))
    assert lanes.time_ms(NOW + 5000) == NOW


def test_a_backlog_is_read_when_every_stream_came_to_where_it_ended_at_first() -> None:
    lanes = _lanes(ends={"slow": 1, "fast": 2})
    lanes.put("fast", _records(1, 2))
    assert list(lanes.let_through()) == []
    assert not lanes.has_caught_up()
    lanes.note("fast", received=2, end=100, asked_ms=NOW)
    lanes.put("slow", _records(2))
    assert _through(lanes) == [2, 1, 2]
    assert lanes.has_caught_up()
    assert not lanes.has_caught_up()


def test_all_streams_come_to_where_a_killed_process_was_before_any_goes_on() -> None:
    lanes = _lanes(ends={"slow": 3, "fast": 3}, said={"slow": 1, "fast": 2})
    lanes.put("slow", _records(1, 5, 6))
    assert _through(lanes) == [1]
    assert lanes.is_repeating
    lanes.put("fast", _records(2, 3, 4))
    assert _through(lanes) == [2, 3, 5, 6, 4]
    assert not lanes.is_repeating


def test_a_topic_that_was_made_anew_is_read_from_its_new_beginning() -> None:
    lanes: Lanes[Placed] = Lanes(["slow", "fast"], offsets={"fast": 900}, said={"fast": 950})
    lanes.note("slow", received=0, end=0, asked_ms=NOW)
    lanes.note("fast", received=0, end=2, asked_ms=NOW)
    assert not lanes.is_repeating
    lanes.put("fast", _records(1, 2))
    assert _through(lanes) == [1, 2]
    assert lanes.offsets["fast"] == 2
