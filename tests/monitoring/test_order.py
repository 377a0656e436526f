"""The same alerts for every order of arrival, any duplication and any restart, compared with a naive evaluator."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nuxari_events.envelope import Event

from services.monitoring.domain.engine import Engine
from services.monitoring.domain.model import Change
from services.monitoring.service.programs import of_pack
from tests.monitoring.builders import (
    action,
    activated,
    assigned,
    credential_use,
    deactivated,
    ended,
    orphaned,
    prompt,
    reactivated,
    registered,
    revoked,
    role_grant,
    sign_in,
)
from tests.monitoring.stream_rules import fact as rule_fact
from tests.monitoring.stream_rules import program_of
from tests.monitoring.streams import pack_engine, run, standing, told
from tests.monitoring.test_engine_agrees import RULES

_seconds = st.one_of(st.integers(0, 290), st.sampled_from([0, 59.999, 60, 60.001, 119.999, 120, 120.001]))
_users = st.sampled_from(["ada", "bo"])


def _one_event(draw: st.DrawFn, number: int) -> Event:
    make = draw(
        st.sampled_from(
            [sign_in] * 6
            + [prompt, prompt, action, credential_use, role_grant, assigned, revoked, deactivated, reactivated]
            + [activated, ended, registered, orphaned]
        )
    )
    second, more = draw(_seconds), {"id": f"e{number}"}
    if make is sign_in:
        return sign_in(second, draw(_users), ok=draw(st.booleans()) and draw(st.booleans()), **more)
    if make is activated:
        name = f"a-{draw(st.integers(1, 2))}-{number}"
        return activated(second, until=second + draw(st.sampled_from([30, 120])), activation=name, **more)
    if make is ended:
        return ended(second, activation=f"a-1-{draw(st.integers(0, 30))}", **more)
    return make(second, **more)


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Events of few people within the lateness bound, many at window edges and at the same instant."""
    return [_one_event(draw, number) for number in range(draw(st.integers(1, 40)))]


@settings(max_examples=60, deadline=None)
@given(streams(), st.randoms(use_true_random=False))
def test_the_standing_alerts_do_not_depend_on_the_order_of_arrival(events: list[Event], chance: random.Random) -> None:
    shuffled = list(events)
    chance.shuffle(shuffled)
    in_order = sorted(events, key=lambda event: event.time)
    assert told(standing(run(shuffled)).values()) == told(standing(run(in_order)).values())


@settings(max_examples=40, deadline=None)
@given(streams(), st.randoms(use_true_random=False))
def test_the_standing_alerts_do_not_depend_on_duplicates(events: list[Event], chance: random.Random) -> None:
    doubled = [*events, *chance.sample(events, len(events) // 2)]
    chance.shuffle(doubled)
    assert told(standing(run(doubled)).values()) == told(standing(run(events)).values())


@settings(max_examples=40, deadline=None)
@given(streams(), st.data())
def test_the_standing_alerts_do_not_depend_on_a_crash_and_a_replay(events: list[Event], data: st.DataObject) -> None:
    saved_at = data.draw(st.integers(0, len(events)))
    crashed_at = data.draw(st.integers(saved_at, len(events)))
    engine = pack_engine()
    changes: list[Change] = run(events[:saved_at], engine=engine)
    kept = engine.snapshot()
    changes += run(events[saved_at:crashed_at], engine=engine)
    changes += run(events[saved_at:], engine=Engine.restore(kept, lambda _: of_pack()))
    assert told(standing(changes).values()) == told(standing(run(events)).values())


@pytest.mark.parametrize("noise", [0, 2000])
def test_a_flood_in_one_tenant_leaves_anothers_alerts_as_they_are(noise: int) -> None:
    quiet = [sign_in(n, id=f"q{n}") for n in range(10)]
    flood = [sign_in(n / 100, f"u{n % 300}", tenantid="loud") for n in range(noise)]
    mixed = [event for pair in zip(flood[:10] or quiet, quiet, strict=False) for event in pair] + flood[10:]
    alerts = [a for a in standing(run(mixed)).values() if a.tenant == "acme"]
    alone = standing(run(quiet)).values()
    assert told(alerts) == told(alone)


def test_the_state_of_a_changed_rule_is_dropped_and_the_others_kept() -> None:
    engine = Engine(lambda _: program_of(RULES))
    for number in range(2):
        engine.observe(rule_fact({"id": str(number), "time": number, "kind": "a", "user": "u"}))
    changed = RULES.replace("kind: [a, both]", "kind: [a, both, other]", 1)

    restored = Engine.restore(engine.snapshot(), lambda _: program_of(changed))

    kept = restored.sizes()["acme"]
    assert restored.counters["dropped_rule_states"] == len(engine.sizes()["acme"]) - len(kept)
    assert "absent" not in kept
