"""Rules over a whole set of events at once, in event time: nothing has to be guessed, as everything is there.

The stream's engine must come to the same findings one event at a time; this is what it is measured against.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import itemgetter
from typing import Any, NamedTuple

from services.monitoring.domain.fields import reader
from services.monitoring.domain.findings import Evidence, Finding, in_time, shown, single
from services.monitoring.domain.grouping import Interest, Key, interests
from services.monitoring.domain.predicates import predicate
from services.monitoring.domain.sigma import Bound, Correlation, Kind, RuleSet
from services.monitoring.domain.windows import Hold, holds

_IN_ORDER = itemgetter(0, 1, 2, 3)
"""Of a match: its time, source, id and rule."""

_EVIDENCE_IN_ORDER = itemgetter(0, 2, 3, 4)
"""Its time, source, id and rule: the line it stands in comes last, as lines may be in any order."""

_FEW = frozenset({"lt", "lte"})


@dataclass(frozen=True, kw_only=True)
class Given:
    """One event that the rules are run over."""

    place: int
    """Its line, from 1."""
    time_ms: int | None
    source: str
    id: str
    fields: dict[str, Any]


class Match(NamedTuple):
    """One event that a rule matched, or one at which a correlation held; they sort as the events do."""

    time_ms: int
    source: str
    id: str
    rule: str
    values: Sequence[Key]
    place: int
    """The event's line, from 1."""
    below: tuple[int, Key, int, int] | None
    """Of a correlation: its place in the rule set, the group, the first and the last of the matches it rests on."""


class Evaluation:
    """Takes events in any order; says at the end what the rules found."""

    def __init__(self, rules: RuleSet) -> None:
        self.counters: Counter[str] = Counter()
        self.interests = interests(rules, reader)
        self._rules = rules
        self._raising = rules.raising()
        self._predicates = [(name, predicate(rule.condition)) for name, rule in rules.selections.items()]
        self._matches: list[dict[Key, list[Match]]] = [{} for _ in rules.correlations]
        self._singles: list[Evidence] = []
        self._seen: set[tuple[str, str]] = set()

    def take(self, event: Given) -> None:
        """Run every rule over the event; the same source and id a second time is a duplicate."""
        matched = [name for name, holds_for in self._predicates if holds_for(event.fields)]
        if matched:
            self.note(
                matched,
                Evidence(event.time_ms, event.place, event.source, event.id, ""),
                fields=event.fields,
                interests=self.interests,
            )

    def note(
        self,
        matched: Sequence[str],
        event: Evidence,
        *,
        fields: Any,  # noqa: ANN401 - of the layout that the interests read
        interests: Mapping[str, Sequence[Interest]],
    ) -> None:
        """Note that an event matched the rules, in the order of the rule set."""
        if event.source:
            if (event.source, event.id) in self._seen:
                self.counters["duplicates"] += 1
                return
            self._seen.add((event.source, event.id))
        for rule in matched:
            if rule in self._raising:
                self._singles.append(event._replace(rule=rule))
            for interest in interests.get(rule, ()):
                self._add(interest, rule, event, fields=fields)

    def findings(self) -> list[Finding]:
        """Return what was found, in the order of time."""
        found = [single(self._rules.selections[event.rule].head, event) for event in self._singles]
        for place, rule in enumerate(self._rules.correlations):
            for key, matches in self._matches[place].items():
                matches[:] = _each_once(rule, matches)
                found += self._correlated(place, rule, key, matches)
        return sorted(found, key=in_time)

    def _add(self, interest: Interest, rule: str, event: Evidence, *, fields: Any) -> None:  # noqa: ANN401 - as above
        """A match without a time has no place in a window, one without a field to group by belongs to nobody."""
        if event.time_ms is None:
            self.counters["untimed"] += 1
            return
        match = Match(event.time_ms, event.source, event.id, rule, interest.measured(fields), event.place, None)
        self._put(interest, match, interest.groups(fields))

    def _correlated(self, place: int, rule: Correlation, key: Key, matches: list[Match]) -> Iterator[Finding]:
        group = dict(zip(rule.group_by, key, strict=True))
        above = self.interests.get(rule.head.id, ())
        is_raising = rule.head.id in self._raising
        run: _Run | None = None
        handed_up: tuple[int, str, str] | None = None
        for hold in holds(rule, matches):
            if above and handed_up != matches[hold.at][:3]:  # an event that two of the rules match is one match of this
                handed_up = matches[hold.at][:3]
                self._hand_up(above, rule, matches[hold.at], group=group, below=(place, key, hold.first, hold.last))
            if not is_raising:
                continue
            if run is None or not run.goes_on(matches[hold.at].time_ms):
                if run is not None:
                    yield self._finding(run, group, below=(place, key))
                run = _Run(rule)
            run.add(hold, matches[hold.at].time_ms)
        if run is not None:
            yield self._finding(run, group, below=(place, key))

    def _hand_up(
        self,
        above: Sequence[Interest],
        rule: Correlation,
        at: Match,
        *,
        group: dict[str, str],
        below: tuple[int, Key, int, int],
    ) -> None:
        """Hand a match of a correlation to those that correlate it; its fields are the group's."""
        for interest in above:
            match = at._replace(rule=rule.head.id, values=interest.measured(group), below=below)
            self._put(interest, match, interest.groups(group))

    def _put(self, interest: Interest, match: Match, keys: Sequence[Key]) -> None:
        if not keys:
            self.counters["unkeyed"] += 1
        for key in keys:
            self._matches[interest.correlation].setdefault(key, []).append(match)

    def _finding(self, run: _Run, group: Mapping[str, str], *, below: tuple[int, Key]) -> Finding:
        events = self._events(*below, run.first, run.last)
        condition = run.rule.condition
        return Finding(
            head=run.rule.head,
            group=group,
            value=run.best.value,
            condition=condition if isinstance(condition, Bound) else None,
            after_ms=run.best.after_ms,
            until_ms=run.best_ms,
            first_seen_ms=events[0].time_ms,
            last_seen_ms=events[-1].time_ms,
            events_count=len({event[:4] for event in events}),
            evidence=shown(events),
        )

    def _events(self, place: int, key: Key, first: int, last: int) -> list[Evidence]:
        """Return the events of the matches, each once for a rule, in order; those of correlations lead further down."""
        asked = {(place, key): [(first, last)]}
        found: set[Evidence] = set()
        while asked:
            highest = max(asked, key=itemgetter(0))
            matches, wanted = self._matches[highest[0]][highest[1]], self._rules.correlations[highest[0]].wanted
            for match in (matches[one] for begin, end in _joined(asked.pop(highest)) for one in range(begin, end + 1)):
                if match.rule not in wanted:
                    continue
                if match.below is None:
                    found.add(Evidence(match.time_ms, match.place, match.source, match.id, match.rule))
                else:
                    asked.setdefault(match.below[:2], []).append(match.below[2:])
        return sorted(found, key=_EVIDENCE_IN_ORDER)


class _Run:
    """The holds of a rule in a group that are one episode: none further from the one before than the quiet period."""

    def __init__(self, rule: Correlation) -> None:
        self.rule = rule
        self._quiet_ms = rule.quiet // timedelta(milliseconds=1)
        self._few = isinstance(rule.condition, Bound) and rule.condition.operator in _FEW
        self._latest_ms = 0
        self.best_ms = 0
        self.best: Hold
        self.first = self.last = -1

    def goes_on(self, time_ms: int) -> bool:
        return time_ms - self._latest_ms <= self._quiet_ms

    def add(self, hold: Hold, time_ms: int) -> None:
        if self.first < 0:
            self.best, self.best_ms, self.first = hold, time_ms, hold.first
        elif hold.value < self.best.value if self._few else hold.value > self.best.value:
            self.best, self.best_ms = hold, time_ms
        self.first, self.last = min(self.first, hold.first), max(self.last, hold.last)
        self._latest_ms = time_ms


def _each_once(rule: Correlation, matches: list[Match]) -> list[Match]:
    """Return the matches in order; where events are counted, each only once, however many of the rules it matched."""
    matches.sort(key=_IN_ORDER)
    if len(rule.references) == 1 or rule.kind in (Kind.TEMPORAL, Kind.TEMPORAL_ORDERED):
        return matches
    once = {(one.time_ms, one.source, one.id, one.values): one for one in reversed(matches)}
    return sorted(once.values(), key=_IN_ORDER)


def _joined(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the spans without what they share."""
    reached = -1
    for begin, end in sorted(spans):
        if end > reached:
            yield max(begin, reached + 1), end
            reached = end
