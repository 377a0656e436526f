"""Rules over a whole set of events at once, in event time: nothing has to be guessed, as everything is there.

The stream's engine must come to the same findings one event at a time; this is what it is measured against.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import itemgetter
from typing import Any, NamedTuple

from services.monitoring.domain.fields import reader
from services.monitoring.domain.findings import Evidence, Finding, in_time, named, shown, single
from services.monitoring.domain.grouping import Interest, Key, interests
from services.monitoring.domain.predicates import predicate
from services.monitoring.domain.sigma import Bound, Correlation, Kind, RuleSet, counts_events, of_single
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
    extra: tuple[Any, ...] = ()
    """What the extension's fields hold."""


class Evaluation:
    """Takes events in any order; says at the end what the rules found."""

    def __init__(self, rules: RuleSet) -> None:
        self.counters: Counter[str] = Counter()
        self._raising = rules.raising()
        self.rules = self._rules = with_singles(rules, self._raising)
        self.interests = interests(self._rules, reader)
        self._predicates = [(name, predicate(rule.condition)) for name, rule in rules.selections.items()]
        self._matches: list[dict[Key, list[Match]]] = [{} for _ in self._rules.correlations]
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
            if rule in self._raising and "group_by" not in self._rules.selections[rule].head.extensions:
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

    def groups_of(self, rule: str) -> Mapping[Key, Sequence[Match]]:
        """Return what the correlation of that id counts, by group; in order once `findings` was called."""
        place = next(place for place, one in enumerate(self._rules.correlations) if one.head.id == rule)
        return self._matches[place]

    def _add(self, interest: Interest, rule: str, event: Evidence, *, fields: Any) -> None:  # noqa: ANN401 - as above
        """A match without a time has no place in a window, one without a field to group by belongs to nobody."""
        if event.time_ms is None:
            self.counters["untimed"] += 1
            return
        values, extra = interest.measured(fields), interest.extra(fields)
        match = Match(event.time_ms, event.source, event.id, rule, values, event.place, None, extra)
        self._put(interest, match, interest.groups(fields))

    def _correlated(self, place: int, rule: Correlation, key: Key, matches: list[Match]) -> Iterator[Finding]:
        group = dict(zip(rule.group_by, key, strict=True))
        is_single = rule.head.id in self._rules.selections
        above = () if is_single else self.interests.get(rule.head.id, ())
        is_raising = rule.head.id in self._raising
        going_on: dict[str, _Run] = {}
        handed_up: tuple[int, str, str] | None = None
        for hold in holds(rule, matches):
            if above and handed_up != matches[hold.at][:3]:  # an event that two of the rules match is one match of this
                handed_up = matches[hold.at][:3]
                self._hand_up(above, rule, matches[hold.at], group=group, below=(place, key, hold.first, hold.last))
            if not is_raising:
                continue
            run = going_on.get(hold.about)
            if run is None or not run.goes_on(matches[hold.at].time_ms):
                if run is not None:
                    yield self._finding(run, group, below=(place, key))
                run = going_on[hold.about] = _Run(rule, is_counted=counts_events(rule, is_single=is_single))
            run.add(hold, matches[hold.at].time_ms)
        for run in going_on.values():
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
            values, extra = interest.measured(group), interest.extra(group)
            match = at._replace(rule=rule.head.id, values=values, extra=extra, below=below)
            self._put(interest, match, interest.groups(group))

    def _put(self, interest: Interest, match: Match, keys: Sequence[Key]) -> None:
        if not keys:
            self.counters["unkeyed"] += 1
        for key in keys:
            self._matches[interest.correlation].setdefault(key, []).append(match)

    def _finding(self, run: _Run, group: Mapping[str, str], *, below: tuple[int, Key]) -> Finding:
        events = self._events(*below, run.places)
        condition = run.rule.condition
        return Finding(
            head=run.rule.head,
            group=named(group, about=run.about),
            value=run.value,
            condition=condition if isinstance(condition, Bound) and run.rule.extension is None else None,
            after_ms=run.best.after_ms,
            until_ms=run.until_ms,
            first_seen_ms=events[0].time_ms,
            last_seen_ms=events[-1].time_ms,
            events_count=len({event[:4] for event in events}),
            evidence=shown(events),
        )

    def _events(self, place: int, key: Key, places: Sequence[tuple[int, int]]) -> list[Evidence]:
        """Return the events of the matches, each once for a rule, in order; those of correlations lead further down."""
        asked = {(place, key): list(places)}
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

    def __init__(self, rule: Correlation, *, is_counted: bool) -> None:
        self.rule = rule
        self.about = ""
        self._quiet_ms = rule.quiet // timedelta(milliseconds=1)
        self._few = isinstance(rule.condition, Bound) and rule.condition.operator in _FEW
        self._is_counted = is_counted
        self._at: set[int] = set()
        self._latest_ms = self._best_ms = 0
        self.best: Hold
        self._spans: list[tuple[int, int]] = []

    @property
    def value(self) -> float:
        """The most telling value, or how many events there are."""
        return len(self._at) if self._is_counted else self.best.value

    @property
    def until_ms(self) -> int:
        """When the most telling value was reached, or when the last event was."""
        return self._latest_ms if self._is_counted else self._best_ms

    @property
    def places(self) -> list[tuple[int, int]]:
        """The matches that it rests on, from one to another: without an extension all between the ends."""
        if self.rule.extension is not None:
            return self._spans
        return [(min(first for first, _ in self._spans), max(last for _, last in self._spans))]

    def goes_on(self, time_ms: int) -> bool:
        return time_ms - self._latest_ms <= self._quiet_ms

    def add(self, hold: Hold, time_ms: int) -> None:
        is_better = not self._at or (hold.value < self.best.value if self._few else hold.value > self.best.value)
        if is_better:
            self.best, self._best_ms = hold, time_ms
        self.about = hold.about
        self._at.add(hold.at)
        self._spans += [(hold.first, hold.last), *((other, other) for other in hold.others)]
        self._latest_ms = time_ms


def with_singles(rules: RuleSet, raising: Collection[str]) -> RuleSet:
    """Return the rules with those of single events that group by something as correlations too."""
    singles = [one for name, one in rules.selections.items() if name in raising and "group_by" in one.head.extensions]
    return RuleSet(rules.selections, (*rules.correlations, *map(of_single, singles)))


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
