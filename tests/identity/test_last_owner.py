"""A tenant that was owned once stays owned: through any sequence of acts, and whatever races."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from nuxari_events.identity import RoleRevoked, UserDeactivated
from nuxari_events.roles import Role
from typing_extensions import override

from services.identity.domain.errors import Refusal
from services.identity.domain.model import UserStatus
from services.identity.domain.owners import is_qualified
from services.identity.keys import Seal
from services.identity.service.invitations import Invited
from services.identity.store import roles as store
from tests.identity.builders import HOUR, activation_ended, role_activated
from tests.identity.stage import Migrated, Person, Stage, a_stage

OWNER = Role.CLIENT_OWNER
ROUNDS = 30


async def qualified(stage: Stage) -> list[str]:
    """Who keeps the tenant owned, as the rows have it."""
    async with stage.transaction() as transaction:
        return [o.user_id for o in await store.owners(transaction, at=stage.now) if is_qualified(o)]


async def in_rounds(stage: Stage, both: Callable[[Person, Person], Sequence[Awaitable[Any]]]) -> list[list[Any]]:
    """Let two owners, the only ones, reach for each other at once, again and again, in a new tenant each time."""
    outcomes = []
    for number in range(ROUNDS):
        stage.tenant = ""
        olga, otto = await stage.an_owner("olga"), await stage.an_owner("otto")
        acts = both(olga, otto)
        outcomes.append(await asyncio.gather(*(acts if number % 2 else reversed(acts))))
        assert len(await qualified(stage)) == 1
        lost = [*await stage.announced_of(UserDeactivated), *await stage.announced_of(RoleRevoked)]
        assert len({event.subject for event in lost}) == 1
    return outcomes


def assert_exactly_one_won(outcomes: list[list[Any]]) -> None:
    for decisions in outcomes:
        (refused,) = [decision for decision in decisions if isinstance(decision, Refusal)]
        assert refused.code == "last-owner"


async def test_of_two_owners_who_revoke_each_other_at_once_exactly_one_wins(empty_stage: Stage) -> None:
    stage = empty_stage
    assert_exactly_one_won(
        await in_rounds(stage, lambda a, b: [stage.revokes(a, b, OWNER), stage.revokes(b, a, OWNER)])
    )


async def test_of_two_owners_who_deactivate_each_other_at_once_exactly_one_wins(empty_stage: Stage) -> None:
    stage = empty_stage
    assert_exactly_one_won(await in_rounds(stage, lambda a, b: [stage.deactivates(a, b), stage.deactivates(b, a)]))


async def test_if_one_owner_revokes_while_the_other_deactivates_exactly_one_wins(empty_stage: Stage) -> None:
    stage = empty_stage
    assert_exactly_one_won(await in_rounds(stage, lambda a, b: [stage.revokes(a, b, OWNER), stage.deactivates(b, a)]))


async def test_two_owners_who_step_down_at_once_are_not_both_let_go(empty_stage: Stage) -> None:
    stage = empty_stage
    assert_exactly_one_won(
        await in_rounds(stage, lambda a, b: [stage.revokes(a, a, OWNER), stage.revokes(b, b, OWNER)])
    )


async def test_the_first_owner_of_a_new_tenant_stays_before_any_factor_is_enrolled(stage: Stage) -> None:
    (row,) = await stage.rows("select user_id from tenant_user where tenant_id = $1", stage.tenant)
    founder = Person(row["user_id"], "founder@acme.example", (OWNER,))
    another = await stage.a_person("otto", OWNER, enrolled=False)

    for decision in (await stage.revokes(another, founder, OWNER), await stage.deactivates(another, founder)):
        assert isinstance(decision, Refusal)
        assert decision.code == "last-owner"


async def test_an_owner_for_a_while_or_by_activation_does_not_let_the_last_one_go(empty_stage: Stage) -> None:
    stage = empty_stage
    olga = await stage.an_owner()
    timed, activated = await stage.a_person("tim"), await stage.a_person("pia")
    await stage.assigns(olga, timed, OWNER, ends_at=stage.now + HOUR)
    await stage.follows(role_activated(activated.user_id, tenant=stage.tenant, role=OWNER, starts_at=stage.now))

    refused = await stage.revokes(olga, olga, OWNER)

    assert isinstance(refused, Refusal)
    assert refused.code == "last-owner"


class Tenancy(RuleBasedStateMachine):
    """A tenant through any sequence of acts of its owners, on the real database."""

    migrated: Migrated
    seal: Seal
    loop: asyncio.AbstractEventLoop
    persons = Bundle("persons")

    def __init__(self) -> None:
        super().__init__()
        self._opening = a_stage(self.migrated, seal=self.seal)
        self.stage: Stage = self._do(self._opening.__aenter__())
        self.everybody: list[Person] = []
        self.links: dict[str, Invited] = {}

    def _do(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)

    @override
    def teardown(self) -> None:
        self._do(self._opening.__aexit__(None, None, None))

    @initialize(target=persons)
    def two_owners_and_somebody(self) -> Any:
        first = [self._do(self.stage.an_owner(name)) for name in ("olga", "otto")]
        self.everybody = [*first, self._do(self.stage.a_person("ada", Role.APPROVER))]
        return multiple(*self.everybody)

    @rule(target=persons, by=persons, as_owner=st.booleans())
    def invite(self, by: Person, *, as_owner: bool) -> Person:
        name = f"guest-{len(self.everybody)}"
        roles = (OWNER,) if as_owner else (Role.REQUESTER,)
        invited = self._do(self.stage.invites(f"{name}@acme.example", *roles, by=by))
        guest = Person(invited.user.user_id, invited.user.email, roles)
        self.links[guest.user_id] = invited
        self.everybody.append(guest)
        return guest

    @rule(person=persons)
    def accept(self, person: Person) -> None:
        if person.user_id in self.links:
            self._do(self.stage.accepts(self.links[person.user_id].link))

    @rule(person=persons)
    def enrol(self, person: Person) -> None:
        user = self._do(self.stage.user(person))
        if user.status is UserStatus.ACTIVE and not user.has_factor:
            self._do(self.stage.enrols(person))

    @rule(by=persons, to=persons, minutes=st.none() | st.integers(1, 30))
    def assign(self, by: Person, to: Person, minutes: int | None) -> None:
        ends_at = None if minutes is None else self.stage.now + timedelta(minutes=minutes)
        self._do(self.stage.assigns(by, to, OWNER, ends_at=ends_at))

    @rule(by=persons, whom=persons)
    def revoke(self, by: Person, whom: Person) -> None:
        self._do(self.stage.revokes(as_an_owner(by), whom, OWNER))

    @rule(by=persons, whom=persons)
    def deactivate(self, by: Person, whom: Person) -> None:
        self._do(self.stage.deactivates(as_an_owner(by), whom))

    @rule(by=persons, whom=persons)
    def reactivate(self, by: Person, whom: Person) -> None:
        self._do(self.stage.reactivates(by, whom))

    @rule(person=persons, minutes=st.integers(1, 30))
    def activate(self, person: Person, minutes: int) -> None:
        now = self.stage.now
        begun = role_activated(
            person.user_id,
            tenant=self.stage.tenant,
            role=OWNER,
            starts_at=now,
            ends_at=now + timedelta(minutes=minutes),
            activation_id=f"activation-{person.user_id}",
        )
        self._do(self.stage.follows(begun))

    @rule(person=persons)
    def end_activation(self, person: Person) -> None:
        ended = activation_ended(
            person.user_id,
            tenant=self.stage.tenant,
            role=OWNER,
            ended_at=self.stage.now,
            activation_id=f"activation-{person.user_id}",
        )
        self._do(self.stage.follows(ended))

    @rule(minutes=st.integers(1, 40))
    def wait(self, minutes: int) -> None:
        self.stage.clock.advance(timedelta(minutes=minutes))
        self._do(self.stage.sweeps())

    @invariant()
    def somebody_owns_the_tenant(self) -> None:
        if self.everybody:
            assert self._do(qualified(self.stage)), "nobody owns the tenant any more"


def as_an_owner(person: Person) -> Person:
    """The person with an owner's reach, deserved or not: the rule must hold by itself."""
    return Person(person.user_id, person.email, (OWNER,))


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_through_any_sequence_of_acts_somebody_owns_the_tenant(
    migrated: Migrated, tmp_path: Any, loop: asyncio.AbstractEventLoop
) -> None:
    of_this_test = {"migrated": migrated, "seal": Seal.kept_in(tmp_path), "loop": loop}
    machine: Any = type("Tenancy", (Tenancy,), of_this_test)
    machine.TestCase.settings = settings(
        max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )
    machine.TestCase("runTest").runTest()
