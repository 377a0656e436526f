"""Running stories: after this, each case passed, by reading it at once and as a stream, or it is said what differs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from nuxari_events.alerts import AlertRaised
from nuxari_events.envelope import Event
from nuxari_events.topics import BY_EVENT_TYPE
from typing_extensions import override

from services.monitoring.decode import decode
from services.monitoring.domain.alerting import RISK
from services.monitoring.domain.derived import Derivation
from services.monitoring.domain.engine import Engine
from services.monitoring.domain.evaluation import Evaluation, Given
from services.monitoring.domain.fact_layout import Facts
from services.monitoring.domain.findings import Finding
from services.monitoring.domain.model import Alert, AlertFacts, Change, Closed, Fact
from services.monitoring.domain.program import Program, Raising, Source, milliseconds
from services.monitoring.domain.sigma import RuleSet, Selection
from services.monitoring.sigma.chosen import narrowed
from services.monitoring.sigma.pack import Pack
from services.monitoring.sigma.stories import Case, Story, StoryError, differs, events_of

_LATER_MS = 500 * 24 * 3_600_000
"""After which everything that was waited for is certain: no rule remembers longer than 400 days."""

Told = Mapping[str, Any]
"""An alert in a story's words: rule, group, value, severity, and the times that both ways must agree on."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one case."""

    file: str
    says: str
    problems: tuple[str, ...] = ()
    found: tuple[Told, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether everything was as the story says."""
        return not self.problems


@dataclass(frozen=True)
class _Raising(RuleSet):
    """Rules of which only these raise."""

    ids: frozenset[str] = frozenset()

    @override
    def raising(self) -> frozenset[str]:
        """Return the ids."""
        return self.ids


def outcomes(story: Story, rules: Pack) -> Iterator[Outcome]:
    """Yield what becomes of each of the story's cases; of all rules only those that it is about raise.

    Raises:
        StoryError: there is no such detection, or a case cannot be told.
    """
    about = [one for one, head in rules.raising.items() if story.about in (_number(head), head.name, head.id)]
    if not about:
        raise StoryError(f"{story.file}: there is no detection '{story.about}'")
    needed = narrowed(rules, about)
    for case in story.cases:
        try:
            found = told(needed, case)
            streamed = told_by_stream(needed, case)
        except (StoryError, ValueError) as error:
            raise StoryError(f"{story.file}: '{case.says}': {error}") from None
        problems = (*_problems(case, found), *_disagreement(found, streamed))
        yield Outcome(file=story.file, says=case.says, problems=problems, found=tuple(found))


def told(rules: Pack, case: Case) -> list[Told]:
    """Return the alerts that come of reading the case at once."""
    derivation = Derivation(case.surroundings)
    evaluation = Evaluation(raising_only(rules))
    for place, event in enumerate(events_of(case), start=1):
        evaluation.take(given_of(event, place, derivation))
    return sorted(map(_of_finding, evaluation.findings()), key=repr)


def told_by_stream(rules: Pack, case: Case) -> list[Told]:
    """Return the alerts that stand, or have stood until they went quiet, once the stream has brought the case."""
    program = program_for(rules, Derivation(case.surroundings))
    engine, standing, later = Engine(lambda _: program), Standing(rules), 0
    for offset, event in enumerate(events_of(case)):
        fact = _fact(event, offset)
        standing.note(engine.advance(now_ms=fact.ingested_ms))
        engine.observe(fact)
        standing.note(engine.settle())
        later = fact.ingested_ms + _LATER_MS
    for _ in range(4):  # what one look finds may be what a rule above rests on
        standing.note(engine.sweep(now_ms=later))
    return sorted((_of_alert(one) for one in standing.alerts.values()), key=repr)


class Standing:
    """The alerts that changes leave: those that fell are gone, those that went quiet are not."""

    def __init__(self, rules: Pack) -> None:
        self._names = {head.name or head.id for head in rules.raising.values()}
        self.alerts: dict[str, Alert] = {}

    def note(self, changes: Sequence[Change]) -> None:
        """Take in what changed; what is said of the sources themselves is no rule's."""
        for change in changes:
            if change.alert.rule_id not in self._names:
                continue
            if not isinstance(change, Closed):
                self.alerts[change.alert.alert_id] = change.alert
            elif change.reason != "quiet":
                self.alerts.pop(change.alert.alert_id, None)


def program_for(rules: Pack, derivation: Derivation) -> Program:
    """Return the rules compiled, with the severities that they say themselves."""
    raising = {identity: Raising(severity=head.level) for identity, head in rules.raising.items()}
    return Program(Source(rules=rules.rules, raising=raising, layout=Facts(derivation.reader)))


def raising_only(rules: Pack) -> RuleSet:
    """Return the rules for reading at once as the stream has them: single events without a group are one group."""
    selections = {name: _grouped(one) for name, one in rules.rules.selections.items()}
    return _Raising(selections, rules.rules.correlations, ids=frozenset(rules.raising))


def as_json(event: Event, derivation: Derivation) -> dict[str, Any]:
    """Return the event as rules read it: with what is derived, and of an alert with what rules may ask about it."""
    found = derivation.of(event.model_dump(mode="json", exclude_none=True))
    about = _alert_facts(event)
    if about is not None:
        found["alert"] = msgspec.to_builtins(about)
        found["data"]["is_suppressed"] = found["data"]["suppressed"]
    return found


def given_of(event: Event, place: int, derivation: Derivation) -> Given:
    """Return the event as reading at once takes it; its place is a number of one's own."""
    time_ms = milliseconds(event.time)
    return Given(place=place, time_ms=time_ms, source=event.source, id=event.id, fields=as_json(event, derivation))


def _fact(event: Event, offset: int) -> Fact:
    fact = decode(
        BY_EVENT_TYPE[event.type].name,
        value=event.model_dump_json(exclude_none=True).encode(),
        headers=(),
        partition=0,
        offset=offset,
        ingested_ms=milliseconds(event.time),
    )
    if fact is None:
        raise StoryError(f"there is no event type '{event.type}'")
    about = _alert_facts(event)
    if about is None:
        return fact
    fact.data.is_suppressed = fact.data.suppressed
    return msgspec.structs.replace(fact, alert=about)


def _alert_facts(event: Event) -> AlertFacts | None:
    if not isinstance(event, AlertRaised):
        return None
    alert = event.data
    user = next((one.id for one in alert.entities if one.kind == "user"), None)
    entity = f"{alert.entities[0].kind}:{alert.entities[0].id}" if alert.entities else None
    return AlertFacts(user, entity, RISK[alert.severity], list(alert.tactics))


def _grouped(rule: Selection) -> Selection:
    extensions = {"group_by": (), **rule.head.extensions}
    return replace(rule, head=replace(rule.head, extensions=extensions))


def _number(head: Any) -> int | None:  # noqa: ANN401 - a head
    number: int | None = head.extensions.get("detection")
    return number


def _of_finding(one: Finding) -> Told:
    return {
        "rule": one.head.name or one.head.id,
        "group": dict(sorted(one.group.items())),
        "value": float(one.value),
        "severity": one.head.level,
        "first_seen_ms": one.first_seen_ms,
        "last_seen_ms": one.last_seen_ms,
        "events": one.events_count,
    }


def _of_alert(one: Alert) -> Told:
    return {
        "rule": one.rule_id,
        "group": dict(sorted(one.group.items())),
        "value": float(one.value),
        "severity": one.severity,
        "first_seen_ms": one.first_seen_ms,
        "last_seen_ms": one.last_seen_ms,
        "events": one.related_events_count,
    }


def _problems(case: Case, found: Sequence[Told]) -> Iterator[str]:
    left = list(found)
    for wanted in case.alerts:
        match = next((one for one in left if not differs(wanted, one)), None)
        if match is None:
            yield f"missing: {_words(wanted)}"
        else:
            left.remove(match)
    yield from (f"not expected: {_words(one)}" for one in left)


def _disagreement(found: Sequence[Told], streamed: Sequence[Told]) -> Iterator[str]:
    yield from (f"the stream does not raise: {_words(one, whole=True)}" for one in found if one not in streamed)
    yield from (f"the stream alone raises: {_words(one, whole=True)}" for one in streamed if one not in found)


def _words(alert: Told, *, whole: bool = False) -> str:
    said = alert if whole else {key: value for key, value in alert.items() if key in ("rule", "group", "value")}
    return json.dumps(said, ensure_ascii=False, default=str)
