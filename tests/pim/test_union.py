"""Effective access against a naive interval model: the union of live grants, in whatever order things happen."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from nuxari_events.envelope import Event
from nuxari_events.pim import ActivationEnded, EndReason, RoleActivated

from services.pim.domain.errors import Refusal
from services.pim.domain.model import Activation, Eligibility
from shared.clock import FixedClock
from tests.pim.builders import NOON
from tests.pim.stage import OWNER, Stage, connected, user_activated, user_deactivated

ROLES = ("client_admin", "approver")
MINUTE = timedelta(minutes=1)
_numbers = count()


@dataclass
class Interval:
    """One grant as the model sees it: a role from a moment until another."""

    role: str
    start: datetime
    end: datetime
    why: EndReason = EndReason.ENDED

    def covers(self, at: datetime) -> bool:
        return self.start <= at < self.end


@dataclass
class Model:
    """Intervals on a line, and nothing else."""

    is_active: bool = True
    grants: dict[str, Interval] = field(default_factory=dict)

    def live(self, at: datetime) -> list[Interval]:
        return [grant for grant in self.grants.values() if grant.covers(at)]

    def held(self, at: datetime) -> dict[str, datetime]:
        live = self.live(at)
        return {role: max(g.end for g in live if g.role == role) for role in {g.role for g in live}}

    def cut(self, activation_id: str, at: datetime, why: EndReason) -> None:
        self.grants[activation_id].end, self.grants[activation_id].why = at, why


_operation = st.one_of(
    st.tuples(st.just("activate"), st.sampled_from(ROLES), st.sampled_from((5, 10, 30, 60, 90))),
    st.tuples(st.just("withdraw"), st.integers(0, 3)),
    st.tuples(st.just("revoke"), st.integers(0, 3)),
    st.tuples(st.just("take_back"), st.sampled_from(ROLES)),
    st.tuples(st.just("sweep")),
    st.tuples(st.just("deactivate")),
    st.tuples(st.just("reactivate")),
)
_story = st.lists(st.tuples(st.sampled_from((0, 1, 7, 20, 40)), _operation), min_size=1, max_size=14)


class Play:
    """Does the same to the service and to the model, and compares them after each step."""

    def __init__(self, stage: Stage, *, tenant: str) -> None:
        self.stage = stage
        self.tenant = tenant
        self.model = Model()
        self.eligibilities: dict[str, Eligibility] = {}
        self.activations: list[Activation] = []
        self.acts: list[int] = []
        """After each act, how many announcements there were."""

    async def run(self, story: list[tuple[int, tuple[object, ...]]]) -> None:
        await self.stage.has_user(tenant=self.tenant)
        for minutes, (verb, *arguments) in story:
            self.stage.clock.advance(minutes * MINUTE)
            await getattr(self, f"_{verb}")(*arguments)
            self.acts.append(len(await self.stage.announced(tenant=self.tenant)))
            await self._compare()
        self.stage.clock.advance(timedelta(days=1))
        await self.stage.sweeps()
        self._check_the_announcements(await self.stage.announced(tenant=self.tenant))

    async def _activate(self, role: str, minutes: int) -> None:
        eligibility = self.eligibilities.get(role) or await self._granted(role)
        if eligibility is None:
            return
        decision = await self.stage.activates(eligibility.eligibility_id, duration=minutes * MINUTE, tenant=self.tenant)
        assert isinstance(decision, Activation) == self.model.is_active
        if isinstance(decision, Activation):
            self.activations.append(decision)
            self.model.grants[decision.activation_id] = Interval(role, decision.starts_at, decision.ends_at)

    async def _granted(self, role: str) -> Eligibility | None:
        decision = await self.stage.grants(role=role, tenant=self.tenant)
        assert isinstance(decision, Eligibility) == self.model.is_active
        if isinstance(decision, Refusal):
            return None
        self.eligibilities[role] = decision
        return decision

    async def _withdraw(self, n: int) -> None:
        if self.activations:
            activation = self.activations[n % len(self.activations)]
            decision = await self.stage.withdraws(activation.activation_id, tenant=self.tenant)
            self._cut_if_live(activation, decision, EndReason.WITHDRAWN)

    async def _revoke(self, n: int) -> None:
        if self.activations:
            activation = self.activations[n % len(self.activations)]
            decision = await self.stage.revokes(activation.activation_id, tenant=self.tenant)
            self._cut_if_live(activation, decision, EndReason.REVOKED)

    def _cut_if_live(self, activation: Activation, decision: Activation | Refusal, why: EndReason) -> None:
        was_live = self.model.grants[activation.activation_id].covers(self.stage.now)
        assert isinstance(decision, Activation) == was_live
        if was_live:
            self.model.cut(activation.activation_id, self.stage.now, why)

    async def _take_back(self, role: str) -> None:
        eligibility = self.eligibilities.pop(role, None)
        if eligibility is None:
            return
        decision = await self.stage.takes_back(eligibility.eligibility_id, tenant=self.tenant, acting=OWNER)
        assert isinstance(decision, Eligibility)
        for activation in self.activations:
            is_its_own = activation.eligibility_id == eligibility.eligibility_id
            if is_its_own and self.model.grants[activation.activation_id].covers(self.stage.now):
                self.model.cut(activation.activation_id, self.stage.now, EndReason.REVOKED)

    async def _sweep(self) -> None:
        await self.stage.sweeps()

    async def _deactivate(self) -> None:
        await self.stage.learn(user_deactivated("ada", at=self.stage.now, tenant=self.tenant))
        for grant in self.model.live(self.stage.now):
            grant.end, grant.why = self.stage.now, EndReason.USER_DEACTIVATED
        self.model.is_active = False
        self.eligibilities.clear()

    async def _reactivate(self) -> None:
        await self.stage.learn(user_activated("ada", at=self.stage.now, tenant=self.tenant))
        self.model.is_active = True

    async def _compare(self) -> None:
        held = await self.stage.effective(tenant=self.tenant)
        assert {role: h.until for role, h in held.items()} == self.model.held(self.stage.now)

    def _check_the_announcements(self, events: list[Event]) -> None:
        starts = {e.data.activation_id: e for e in events if isinstance(e, RoleActivated)}
        ends = [e for e in events if isinstance(e, ActivationEnded)]
        assert sorted(starts) == sorted(e.data.activation_id for e in ends), "each activation ends exactly once"
        told = {
            e.data.activation_id: Interval(
                e.data.role, starts[e.data.activation_id].data.starts_at, e.data.ended_at, e.data.reason
            )
            for e in ends
        }
        assert told == self.model.grants
        act_of = {e.id: self._act_of(n) for n, e in enumerate(events)}
        for end in ends:
            others = [
                start.data.ends_at
                for start in starts.values()
                if start.data.role == end.data.role
                and act_of[start.id] <= act_of[end.id]
                and start.data.ends_at > end.data.ended_at
                and not any(_was_cut(e, start, by=act_of[end.id], act_of=act_of) for e in ends)
            ]
            assert end.data.role_still_held_until == max(others, default=None)

    def _act_of(self, position: int) -> int:
        """Which act made the announcement at that position of the outbox."""
        return next((act for act, announced in enumerate(self.acts) if position < announced), len(self.acts))


def _was_cut(end: ActivationEnded, start: RoleActivated, *, by: int, act_of: dict[str, int]) -> bool:
    """Whether somebody had ended the activation before its time, at that act or earlier."""
    is_its_end = end.data.activation_id == start.data.activation_id
    return is_its_end and act_of[end.id] <= by and end.data.reason is not EndReason.ENDED


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(story=[(0, ("activate", "approver", 10)), (0, ("activate", "approver", 60)), (20, ("withdraw", 1))])
@given(story=_story)
def test_effective_access_is_the_union_of_live_grants_in_whatever_order_things_happen(
    runner: asyncio.Runner,
    migrated: tuple[str, str],
    fresh_database: str,
    story: list[tuple[int, tuple[object, ...]]],
) -> None:
    async def play() -> None:
        dsn, relay_dsn = migrated
        async with connected(dsn) as database:
            stage = Stage(
                database=database, admin_dsn=fresh_database, dsn=dsn, relay_dsn=relay_dsn, clock=FixedClock(NOON)
            )
            await Play(stage, tenant=f"t{next(_numbers)}").run(story)

    runner.run(play())
