"""Rules of a text over lines, as `rules run` runs them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

from services.monitoring.domain.evaluation import Evaluation, Given
from services.monitoring.domain.findings import Finding
from services.monitoring.sigma.loading import load
from services.monitoring.sigma.running import Feed, milliseconds

RULE = """
title: {title}
name: {title}
logsource: {{product: test}}
detection: {{{detection}}}
"""


def lines_of(events: Iterable[object]) -> bytes:
    return b"".join(json.dumps(event, ensure_ascii=False).encode() + b"\n" for event in events)


def ran(
    rules: str, events: Iterable[object] | bytes, *, time_field: str | None = None
) -> tuple[list[Finding], Feed, Evaluation]:
    loaded = load({"rules.yml": rules})
    evaluation = Evaluation(loaded)
    feed = Feed(loaded, evaluation, time_field=time_field)
    feed.take(io.BytesIO(events if isinstance(events, bytes) else lines_of(events)))
    return evaluation.findings(), feed, evaluation


def findings(rules: str, events: Iterable[object] | bytes) -> list[Finding]:
    return ran(rules, events)[0]


def matched(detection: str, *events: dict[str, Any]) -> list[int]:
    """Return the places of the events that a rule with this detection matches, by both ways to evaluate it."""
    rules = RULE.format(title="rule", detection=detection)
    quick = sorted(one.evidence[0].place - 1 for one in findings(rules, events))
    evaluation = Evaluation(load({"rules.yml": rules}))
    for place, event in enumerate(events, start=1):
        evaluation.take(
            Given(place=place, time_ms=milliseconds(event.get("time")), source="", id=str(place), fields=event)
        )
    slow = sorted(one.evidence[0].place - 1 for one in evaluation.findings())
    assert quick == slow, "compiled and plain evaluation differ"
    return quick
