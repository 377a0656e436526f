"""The same alerts for every order of arrival, any duplication and any restart, compared with a naive evaluator."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nuxari_events.envelope import Event

from services.monitoring.domain.engine import Engine
from services.monitoring.domain.model import Change
from services.monitoring.domain.pack import BRUTE_FORCE
from services.monitoring.domain.rules import EventCount, Match
from tests.monitoring.builders import (
    NOON,
    action,
    activated,
    assigned,
    credential_use,
    deactivated,
    ended,
    fact,
    orphaned,
    prompt,
    reactivated,
    registered,
    revoked,
    role_grant,
    sign_in,
)
from tests.monitoring.streams import run, standing, told

TIGHT = EventCount(
    id="tight",
    number=1,
    title="three in a minute",
    severity="low",
    attack=(),
    summary="",
    group_by=("user_id",),
    matches=(Match(type="nuxari.access.sign_in_completed.v1", role="failure", where=(("outcome", ("failure",)),)),),
    threshold=3,
    window=timedelta(seconds=60),
    quiet=timedelta(seconds=60),
)

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


@settings(max_examples=150, deadline=None)
@given(streams(), st.randoms(use_true_random=False))
def test_the_standing_alerts_do_not_depend_on_the_order_of_arrival(events: list[Event], chance: random.Random) -> None:
    shuffled = list(events)
    chance.shuffle(shuffled)
    in_order = sorted(events, key=lambda event: event.time)
    assert told(standing(run(shuffled)).values()) == told(standing(run(in_order)).values())


@settings(max_examples=100, deadline=None)
@given(streams(), st.randoms(use_true_random=False))
def test_the_standing_alerts_do_not_depend_on_duplicates(events: list[Event], chance: random.Random) -> None:
    doubled = [*events, *chance.sample(events, len(events) // 2)]
    chance.shuffle(doubled)
    assert told(standing(run(doubled)).values()) == told(standing(run(events)).values())


@settings(max_examples=100, deadline=None)
@given(streams(), st.data())
def test_the_standing_alerts_do_not_depend_on_a_crash_and_a_replay(events: list[Event], data: st.DataObject) -> None:
    saved_at = data.draw(st.integers(0, len(events)))
    crashed_at = data.draw(st.integers(saved_at, len(events)))
    engine = Engine()
    changes: list[Change] = run(events[:saved_at], engine=engine)
    kept = engine.snapshot()
    changes += run(events[saved_at:crashed_at], engine=engine)
    changes += run(events[saved_at:], engine=Engine.restore(kept))
    assert told(standing(changes).values()) == told(standing(run(events)).values())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(_seconds, _users), max_size=40), st.randoms(use_true_random=False))
def test_window_counts_equal_a_naive_model_in_any_order(
    moments: list[tuple[float, str]], chance: random.Random
) -> None:
    events = [sign_in(second, user, id=f"e{number:03}") for number, (second, user) in enumerate(moments)]
    expected = _naive(events)
    chance.shuffle(events)
    alerts = standing(run(events, engine=Engine([TIGHT]))).values()
    found = {(a.group["user_id"], a.value, tuple(entry.id for entry in a.evidence)) for a in alerts}
    assert found == expected


def _naive(events: Iterable[Event]) -> set[tuple[str, float, tuple[str, ...]]]:
    """Read everything at once: which events have three of their person's within the minute up to them."""
    found = set()
    for user in ("ada", "bo"):
        mine = sorted((round((e.time - NOON).total_seconds() * 1000), e.id) for e in events if e.subject == user)
        counts = [[other for other in mine if moment[0] - 60_000 < other[0] and other <= moment] for moment in mine]
        firing = [n for n, counted in enumerate(counts) if len(counted) >= 3]
        runs: list[list[int]] = []
        for n in firing:
            if runs and mine[n][0] - mine[runs[-1][-1]][0] <= 60_000:
                runs[-1].append(n)
            else:
                runs.append([n])
        for one in runs:
            first = mine.index(min(counts[n][0] for n in one))
            ids = tuple(event_id for _, event_id in mine[first : one[-1] + 1])
            found.add((user, float(max(len(counts[n]) for n in one)), ids))
    return found


def test_a_late_event_joins_no_window_that_it_does_not_lie_in() -> None:
    events = [sign_in(1000), sign_in(1001), sign_in(900)]
    assert standing(run(events, engine=Engine([TIGHT]))) == {}


def test_an_early_event_does_not_drive_out_what_a_late_one_needs() -> None:
    events = [sign_in(1000), sign_in(1001), sign_in(1250), sign_in(1005)]
    (alert,) = standing(run(events, engine=Engine([TIGHT]))).values()
    assert alert.related_events_count == 3


@pytest.mark.parametrize("noise", [0, 2000])
def test_a_flood_in_one_tenant_leaves_anothers_alerts_as_they_are(noise: int) -> None:
    quiet = [sign_in(n, id=f"q{n}") for n in range(10)]
    flood = [sign_in(n / 100, f"u{n % 300}", tenantid="loud") for n in range(noise)]
    mixed = [event for pair in zip(flood[:10] or quiet, quiet, strict=False) for event in pair] + flood[10:]
    alerts = [a for a in standing(run(mixed)).values() if a.tenant == "acme"]
    alone = standing(run(quiet)).values()
    assert told(alerts) == told(alone)


def test_the_state_of_a_changed_rule_is_dropped_and_the_others_kept() -> None:
    engine = Engine([TIGHT, BRUTE_FORCE])
    run([sign_in(n) for n in range(9)], engine=engine)
    changed = Engine.restore(engine.snapshot(), rules=[BRUTE_FORCE])
    (change,) = changed.observe(fact(sign_in(10)))
    assert change.alert.rule_id == "brute-force"
    assert changed.counters["dropped_rule_states"] == 1
