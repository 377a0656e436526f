"""Monitoring's engine reads the simulated stream as it arrives: what stands in the end is exactly the truth."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from random import Random

import pytest
from nuxari_events import wire
from nuxari_events.envelope import Event

from services.monitoring.decode import decode
from services.monitoring.domain.engine import Engine
from services.monitoring.domain.model import Change, Closed, Fact
from services.monitoring.service.programs import of_pack
from services.simulator.scenario import Scenario
from services.simulator.simulation import simulation

UNTIL = datetime(2025, 6, 3, 15, 7, tzinfo=UTC)
SIMULATED = {1, 2, 12, 13, 33, 34, 35}
TAKEN_BACK = {"satisfied", "superseded"}

Alert = tuple[int, str, str]


def as_fetched(events: Iterable[Event], *, dice: Random) -> Iterator[Event]:
    """Each topic in its own order, and one topic a little ahead of another, as a consumer gets them."""
    topics: dict[str, deque[Event]] = {}
    for event in events:
        topics.setdefault(wire.encode(event).topic, deque()).append(event)
    total = sum(len(waiting) for waiting in topics.values())
    fetches = {name: max(1, 500 * len(waiting) // total) for name, waiting in topics.items()}
    while any(topics.values()):
        for name in dice.sample(list(topics), len(topics)):
            for _ in range(min(dice.randint(1, 2 * fetches[name]), len(topics[name]))):
                yield topics[name].popleft()


def facts(events: Iterable[Event]) -> Iterator[Fact]:
    for offset, event in enumerate(events):
        encoded = wire.encode(event)
        fact = decode(
            encoded.topic,
            value=encoded.value,
            headers=encoded.headers,
            partition=0,
            offset=offset,
            ingested_ms=int(UNTIL.timestamp() * 1000),
        )
        assert fact is not None
        yield fact


def standing(changes: Iterable[Change]) -> set[Alert]:
    last = {change.alert.alert_id: change for change in changes}
    return {
        (change.alert.rule_number, _whom(group), group.get("flow") or group.get("role") or "")
        for change in last.values()
        for group in [change.alert.group]
        if change.alert.rule_number in SIMULATED
        if not (isinstance(change, Closed) and change.reason in TAKEN_BACK)
    }


def _whom(group: dict[str, str]) -> str:
    """The user, also of an alert about what belonged to them."""
    return group.get("user_id") or group["credential_id"].removesuffix("-key")


@pytest.mark.parametrize("seed", range(4))
def test_what_stands_in_the_end_is_exactly_what_was_injected(seed: int) -> None:
    simulated = simulation(Scenario(tenant_id="sim-test", seed=seed, until=UNTIL, users=120, attacks=35))
    engine = Engine(lambda _: of_pack())

    changes = []
    for fact in facts(as_fetched(simulated.events(), dice=simulated.scenario.dice("fetches"))):
        engine.observe(fact)
        changes += engine.settle()
    changes += engine.advance(now_ms=0)

    assert standing(changes) == {
        (one.number, one.group["user_id"], one.group.get("flow") or one.group.get("role") or "")
        for attack in simulated.attacks
        for one in attack.expected
    }
