"""The streams of one partition side by side: none runs ahead of what another has not shown yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Generic, Protocol, TypeVar

MOST_WAITING = 2_000
"""Records of one stream that wait for another stream; from then on no more of it need be read."""

PATIENCE = 60
"""Looks, two a second, after which a stream that has more and does not show it holds the others back no longer."""


class Placed(Protocol):
    """What a stream consists of."""

    @property
    def offset(self) -> int:
        """Its place in its stream."""

    @property
    def timestamp(self) -> int:
        """When Kafka took it, in milliseconds since 1970."""


R = TypeVar("R", bound=Placed)


class Lane(Generic[R]):
    """One topic's part of the partition: what came of it, and how much more there is."""

    def __init__(self, offset: int) -> None:
        self.waiting: deque[R] = deque()
        self.received = offset
        """The next offset after everything that came."""
        self.reached_ms = -1
        """When Kafka took the newest that came."""
        self.end: int | None = None
        """The next offset that Kafka will give, when it was asked last."""
        self.asked_ms = -1
        self.goal: int | None = None
        """An end that is to be reached before time goes on."""
        self.looks = 0

    @property
    def position(self) -> int:
        """The next offset after what went through."""
        return self.waiting[0].offset if self.waiting else self.received

    @property
    def is_read(self) -> bool:
        """Whether everything that Kafka had of it came."""
        return self.end is not None and self.received >= self.end

    @property
    def holds_back(self) -> bool:
        """Whether the others wait for it."""
        return not self.is_read and self.looks < PATIENCE


class Lanes(Generic[R]):
    """Lets records through by the time at which Kafka took them: what is read late is as what was read at once.

    While every stream is read to its end nothing waits. Where one is behind, the others go no further than it has
    come: so an action and the activation that covers it are never hours of other events apart, however unevenly the
    topics are read.

    `offsets` are where reading begins, by topic, and `said` up to where a process that was killed has announced what
    it found: all streams come to that place first, and so to the state of that moment, before any goes on.
    """

    def __init__(
        self, topics: Sequence[str], *, offsets: Mapping[str, int], said: Mapping[str, int] | None = None
    ) -> None:
        self._lanes: dict[str, Lane[R]] = {topic: Lane(offsets.get(topic, 0)) for topic in topics}
        self._said = said or {}
        self._is_letting_said_through = False

    def put(self, topic: str, records: Sequence[R]) -> None:
        """Take in what was read of a topic next."""
        lane = self._lanes[topic]
        lane.waiting.extend(records)
        lane.received = records[-1].offset + 1
        lane.reached_ms = max(lane.reached_ms, records[-1].timestamp)
        lane.looks = 0

    def note(self, topic: str, *, received: int | None, end: int | None, asked_ms: int) -> None:
        """Take in how far the topic is read, if that is known, and where it ended when Kafka was asked, if it was."""
        lane = self._lanes[topic]
        lane.received = max(lane.received, received or 0)
        lane.end, lane.asked_ms = end, asked_ms
        lane.goal = end if lane.goal is None else lane.goal

    def look(self) -> None:
        """Count a look at streams that do not move."""
        for lane in self._lanes.values():
            lane.looks = 0 if lane.is_read else lane.looks + 1

    def let_through(self) -> Iterator[R]:
        """Yield what need not wait, in the order of the topics: first what joins look up, then what is looked at.

        What was yielded has gone through when the next is asked for, and not before.
        """
        self._is_letting_said_through = True
        for topic, lane in self._lanes.items():
            while lane.waiting and lane.waiting[0].offset < self._said.get(topic, 0):
                yield lane.waiting[0]
                lane.waiting.popleft()
        self._is_letting_said_through = False
        if not self.is_repeating:
            yield from self._let_news_through()

    def _let_news_through(self) -> Iterator[R]:
        until = min((lane.reached_ms for lane in self._lanes.values() if lane.holds_back), default=inf)
        for lane in self._lanes.values():
            while lane.waiting and lane.waiting[0].timestamp <= until:
                yield lane.waiting[0]
                lane.waiting.popleft()

    def time_ms(self, now_ms: int) -> int:
        """Return the time up to which everything that Kafka took has gone through."""
        behind = [lane.reached_ms for lane in self._lanes.values() if lane.holds_back]
        asked = [lane.asked_ms for lane in self._lanes.values() if lane.is_read]
        return min([now_ms, *behind, *asked])

    def has_caught_up(self) -> bool:
        """Say whether every stream was read to where it ended at first, or when this was last so."""
        lanes = self._lanes.values()
        if any(lane.goal is None or lane.received < lane.goal or lane.waiting for lane in lanes):
            return False
        for lane in lanes:
            lane.goal = lane.end
        return True

    @property
    def is_repeating(self) -> bool:
        """Whether a stream still comes to the place up to which everything was announced before."""
        return self._is_letting_said_through or any(
            lane.position < self._said.get(topic, 0) and lane.holds_back for topic, lane in self._lanes.items()
        )

    @property
    def offsets(self) -> dict[str, int]:
        """Where to read on so that nothing is missed, by topic."""
        return {topic: lane.position for topic, lane in self._lanes.items()}

    @property
    def full(self) -> list[str]:
        """The topics of which enough waits."""
        return [topic for topic, lane in self._lanes.items() if len(lane.waiting) >= MOST_WAITING]
