"""What rules found, as it is shown: the group, the window, the value, and the events that it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.monitoring.domain.sigma import Bound, Head

EVIDENCE_AT_EACH_END = 32


class Evidence(NamedTuple):
    """One event that a finding rests on."""

    time_ms: int | None
    """None where the event says no time; then it is a finding of its own."""
    place: int
    source: str
    id: str
    rule: str
    """The id of the rule that matched it."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One event that a rule matched, or one run of matches of a correlation in one group."""

    head: Head
    group: Mapping[str, str]
    value: float
    """The most telling one that was reached, over `(after, until]`: the lowest where the rule asks for few."""
    condition: Bound | None
    """What the value was held against; None for single events, an extended condition and an extension of ours."""
    after_ms: int | None
    until_ms: int | None
    first_seen_ms: int | None
    last_seen_ms: int | None
    events_count: int
    evidence: Sequence[Evidence]
    """The first and the last ones where there are more than twice 32."""


def single(head: Head, event: Evidence) -> Finding:
    """Return the finding of a rule of single events."""
    return Finding(
        head=head,
        group={},
        value=1,
        condition=None,
        after_ms=None if event.time_ms is None else event.time_ms - 1,
        until_ms=event.time_ms,
        first_seen_ms=event.time_ms,
        last_seen_ms=event.time_ms,
        events_count=1,
        evidence=(event,),
    )


def named(group: Mapping[str, str], *, about: str = "") -> dict[str, str]:
    """Return the group by the names that findings and alerts have for its fields: `data.user_id` is `user_id`."""
    found = {name.removeprefix("data."): value for name, value in group.items()}
    return {**found, "about": about} if about else found


def shown(events: Sequence[Evidence]) -> Sequence[Evidence]:
    """Return the first and the last of many."""
    if len(events) <= 2 * EVIDENCE_AT_EACH_END:
        return events
    return (*events[:EVIDENCE_AT_EACH_END], *events[-EVIDENCE_AT_EACH_END:])


def in_time(finding: Finding) -> tuple[int, str, list[tuple[str, str]]]:
    """Return what findings are sorted by; those without a time come first."""
    until = -(1 << 62) if finding.until_ms is None else finding.until_ms
    return until, finding.head.id, sorted(finding.group.items())
