"""How each kind of rule turns a group's events into episodes: the heart of a detection, without any plumbing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Generic, TypeVar

from typing_extensions import override

from services.monitoring.domain.episodes import Anchor, Episode, cluster, count_anchors, each_alone
from services.monitoring.domain.groups import SEPARATOR, Group, Groups, Interval, UnkeyedError, add, forget_before
from services.monitoring.domain.model import Entry, Fact
from services.monitoring.domain.rules import EventCount, FirstSeen, Ordered, OutsideActivation, Rule

R = TypeVar("R", bound=Rule)


def milliseconds(span: timedelta) -> int:
    """Return the span in whole milliseconds."""
    return span // timedelta(milliseconds=1)


class Tracker(Generic[R]):
    """What the engine asks of every kind of rule."""

    is_single_event = False
    """Whether an event is judged by itself: then one that is too late for windows is judged all the same."""

    is_join = False
    """Whether an event can make a standing alert fall: then it is looked at now and not at the next tick."""

    def __init__(self, rule: R) -> None:
        self.rule = rule
        self.quiet_ms = milliseconds(rule.quiet)

    def key(self, fact: Fact) -> tuple[str, ...] | None:
        """Return the values that the event is grouped by; None if one is missing: strangers are never grouped."""
        values = tuple(getattr(fact.data, name, None) for name in self.rule.group_by)
        return None if None in values else values  # type: ignore[return-value]

    def touch(self, groups: Groups, fact: Fact, entry: Entry) -> Iterator[str]:
        """Put the event into its group, and yield the group's key if its episodes may have changed.

        Raises:
            UnkeyedError: a field to group by has no value.
        """
        values = self.key(fact)
        if values is None:
            raise UnkeyedError
        key = SEPARATOR.join(values)
        if self.take(groups.of(key), entry, fact.data):
            yield key

    def take(self, group: Group, entry: Entry, data: Any) -> bool:  # noqa: ANN401, ARG002 - the event's own data
        """Put the event into the group; return whether the episodes may have changed."""
        return add(group.entries, entry)

    def episodes(self, group: Group) -> Iterator[Episode]:
        """Yield the episodes that the group's events make, in order; nothing but them decides."""
        raise NotImplementedError

    def forget(self, group: Group, horizon_ms: int) -> bool:
        """Drop what nothing that can still come needs; return whether the group is empty then."""
        raise NotImplementedError


class CountTracker(Tracker[EventCount]):
    """At least so many within a sliding window."""

    def __init__(self, rule: EventCount) -> None:
        super().__init__(rule)
        self._window_ms = milliseconds(rule.window)
        self.is_single_event = rule.threshold == 1

    @override
    def take(self, group: Group, entry: Entry, data: Any) -> bool:
        if not add(group.entries, entry):
            return False
        entries, threshold = group.entries, self.rule.threshold
        if len(entries) < threshold:
            return False
        return entries[-1] is not entry or entries[-threshold].time_ms > entry.time_ms - self._window_ms

    @override
    def episodes(self, group: Group) -> Iterator[Episode]:
        anchors = count_anchors(group.entries, threshold=self.rule.threshold, window_ms=self._window_ms)
        return cluster(group.entries, anchors, quiet_ms=self.quiet_ms)

    @override
    def forget(self, group: Group, horizon_ms: int) -> bool:
        forget_before(group.entries, horizon_ms - self._window_ms)
        return not group.entries


class OrderedTracker(Tracker[Ordered]):
    """A burst, then something that follows it."""

    def __init__(self, rule: Ordered) -> None:
        super().__init__(rule)
        self._window_ms = milliseconds(rule.window)
        self._within_ms = milliseconds(rule.within)

    @override
    def take(self, group: Group, entry: Entry, data: Any) -> bool:
        if not add(group.entries, entry) or len(group.entries) <= self.rule.threshold:
            return False
        return entry.role == self.rule.then or group.entries[-1] is not entry

    @override
    def episodes(self, group: Group) -> Iterator[Episode]:
        return cluster(group.entries, self._anchors(group.entries), quiet_ms=self.quiet_ms)

    def _anchors(self, entries: list[Entry]) -> Iterator[Anchor]:
        """Yield an anchor for each follower, beginning with the first event of the earliest burst before it."""
        places = [place for place, entry in enumerate(entries) if entry.role == self.rule.first]
        bursts = list(
            count_anchors([entries[p] for p in places], threshold=self.rule.threshold, window_ms=self._window_ms)
        )
        for place, entry in enumerate(entries):
            if entry.role != self.rule.then:
                continue
            before = [
                b
                for b in bursts
                if places[b.last] < place and entry.time_ms - entries[places[b.last]].time_ms <= self._within_ms
            ]
            if before:
                best = max(before, key=lambda burst: burst.value)
                yield Anchor(places[before[0].first], place, best.value, best.after_ms)

    @override
    def forget(self, group: Group, horizon_ms: int) -> bool:
        forget_before(group.entries, horizon_ms - self._window_ms - self._within_ms)
        return not group.entries


class FirstSeenTracker(Tracker[FirstSeen]):
    """The first of its kind in a long time."""

    def __init__(self, rule: FirstSeen) -> None:
        super().__init__(rule)
        self._memory_ms = milliseconds(rule.memory)

    @override
    def episodes(self, group: Group) -> Iterator[Episode]:
        entries = group.entries
        for index, entry in enumerate(entries):
            if index == 0 or entries[index - 1].time_ms <= entry.time_ms - self._memory_ms:
                after = entry.time_ms - self._memory_ms
                yield Episode(entry, [entry], 1, after, entry.time_ms, entry.time_ms)

    @override
    def forget(self, group: Group, horizon_ms: int) -> bool:
        """Keep the newest of the old ones: it is what makes the next one not the first."""
        old = [entry for entry in group.entries if entry.time_ms < horizon_ms]
        del group.entries[: max(len(old) - 1, 0)]
        forget_before(group.entries, horizon_ms - self._memory_ms)
        return not group.entries


RELIED_ON = timedelta(hours=24)
"""An activation that ended no longer ago explains an action outside it; 24 h is the longest that one can last."""


class ActivationTracker(Tracker[OutsideActivation]):
    """Actions joined with activations and standing assignments, at the time of the action."""

    is_single_event = True
    is_join = True

    def __init__(self, rule: OutsideActivation) -> None:
        super().__init__(rule)
        self._skew_ms = milliseconds(rule.skew)
        self._relied_on_ms = milliseconds(RELIED_ON)

    @override
    def key(self, fact: Fact) -> tuple[str, ...] | None:
        """Group by user and role, whatever the event calls the role."""
        role = getattr(fact.data, "required_role", None) or getattr(fact.data, "role", None)
        return None if role is None else (fact.data.user_id, role)

    @override
    def take(self, group: Group, entry: Entry, data: Any) -> bool:
        match entry.role:
            case "activation":
                self._note_start(group, entry, data)
            case "activation-end":
                self._note_end(group, entry, data)
            case "assignment" | "revocation":
                add(group.states, entry)
            case _:
                return add(group.entries, entry)
        return bool(group.entries)

    def _note_start(self, group: Group, entry: Entry, data: Any) -> None:  # noqa: ANN401
        interval = group.intervals.setdefault(data.activation_id, Interval())
        interval.started = entry
        interval.start_ms = _ms(data.starts_at)
        planned = _ms(data.ends_at)
        interval.end_ms = planned if interval.end_ms is None else min(interval.end_ms, planned)

    def _note_end(self, group: Group, entry: Entry, data: Any) -> None:  # noqa: ANN401
        interval = group.intervals.setdefault(data.activation_id, Interval())
        interval.ended = entry
        ended = _ms(data.ended_at)
        interval.end_ms = ended if interval.end_ms is None else min(interval.end_ms, ended)

    @override
    def episodes(self, group: Group) -> Iterator[Episode]:
        outside = [entry for entry in group.entries if not self._is_covered(group, entry.time_ms)]
        for episode in each_alone(outside, quiet_ms=self.quiet_ms):
            yield episode._replace(evidence=[*self._last_activation(group, episode.identity), *episode.evidence])

    def _is_covered(self, group: Group, at_ms: int) -> bool:
        return self._is_active(group, at_ms) or self._is_assigned(group, at_ms)

    def _is_active(self, group: Group, at_ms: int) -> bool:
        return any(
            interval.start_ms is not None
            and interval.end_ms is not None
            and interval.start_ms - self._skew_ms <= at_ms < interval.end_ms + self._skew_ms
            for interval in group.intervals.values()
        )

    def _is_assigned(self, group: Group, at_ms: int) -> bool:
        """Say whether `[assigned - skew, revoked + skew)` holds the time for any assignment."""
        held = False
        for state in group.states:
            if state.role == "assignment":
                held = held or state.time_ms - self._skew_ms <= at_ms
            elif state.time_ms + self._skew_ms <= at_ms:
                held = False
        return held

    def _last_activation(self, group: Group, use: Entry) -> list[Entry]:
        """Return the events of the activation that ended last before the use: what the user may have relied on."""
        since = use.time_ms - self._relied_on_ms
        over = [i for i in group.intervals.values() if i.started and since < (i.end_ms or 0) <= use.time_ms]
        if not over:
            return []
        last = max(over, key=lambda interval: (interval.end_ms or 0, interval.started or use))
        return sorted(entry for entry in (last.started, last.ended) if entry is not None and entry[:3] < use[:3])

    @override
    def forget(self, group: Group, horizon_ms: int) -> bool:
        forget_before(group.entries, horizon_ms)
        oldest = horizon_ms - self._skew_ms - self.quiet_ms
        unused = horizon_ms - self._relied_on_ms
        over = [key for key, one in group.intervals.items() if one.end_ms is not None and one.end_ms < unused]
        for key in over:
            del group.intervals[key]
        while len(group.states) > 1 and group.states[1].time_ms < oldest:
            del group.states[0]
        if len(group.states) == 1 and group.states[0].role == "revocation" and group.states[0].time_ms < oldest:
            group.states.clear()
        return not (group.entries or group.intervals or group.states)


def _ms(at: Any) -> int:  # noqa: ANN401 - an aware datetime
    milliseconds_since_epoch: int = round(at.timestamp() * 1000)
    return milliseconds_since_epoch
