"""Eligibility and activation from grant to end, on a real database."""

from __future__ import annotations

from datetime import timedelta

from nuxari_events.pim import ActivationEnded, EligibilityEnded, EligibilityEndReason, EligibilityGranted, EndReason

from services.pim.domain.errors import Refusal
from services.pim.domain.model import Activation, Eligibility
from services.pim.service import activations, eligibilities
from services.pim.service.acting import Acting
from tests.pim.builders import HOUR, NOON
from tests.pim.stage import Stage, as_json, role_assigned, role_revoked, user_activated, user_deactivated, user_invited

MOMENT = timedelta(microseconds=1)


def _code(decision: object) -> str | None:
    return decision.code if isinstance(decision, Refusal) else None


async def test_a_granted_eligibility_is_announced_with_its_period(stage: Stage) -> None:
    eligibility = await stage.eligible(role="approver", ends_at=NOON + 24 * HOUR)
    [event] = await stage.announced()
    assert isinstance(event, EligibilityGranted)
    assert as_json(event)["data"] == {
        "eligibility_id": eligibility.eligibility_id,
        "user_id": "ada",
        "role": "approver",
        "starts_at": "2026-03-02T12:00:00.000000Z",
        "ends_at": "2026-03-03T12:00:00.000000Z",
    }
    assert (event.subject, event.actorid, event.source) == ("ada", "olga", "/nuxari/pim")


async def test_an_eligibility_for_a_user_whose_event_has_not_arrived_is_refused_with_that_reason(stage: Stage) -> None:
    refused = await stage.grants("nobody-yet")
    assert isinstance(refused, Refusal)
    assert refused.code == "user-not-known-yet"
    assert "not arrived" in refused.detail
    assert await stage.announced() == []


async def test_an_eligibility_lapses_at_its_end_and_not_before(stage: Stage) -> None:
    await stage.eligible(ends_at=NOON + HOUR)
    stage.clock.advance(HOUR - MOMENT)
    assert await stage.sweeps() == 0
    stage.clock.advance(MOMENT)
    assert await stage.sweeps() == 1
    ended = [e for e in await stage.announced() if isinstance(e, EligibilityEnded)]
    assert [(e.data.reason, e.time) for e in ended] == [(EligibilityEndReason.EXPIRED, NOON + HOUR)]
    assert await stage.sweeps() == 0


async def test_revoking_an_eligibility_ends_what_was_activated_through_it_and_nothing_else(stage: Stage) -> None:
    eligibility = await stage.eligible()
    other = await stage.eligible()
    resting = await stage.active(eligibility.eligibility_id)
    kept = await stage.active(other.eligibility_id, duration=2 * HOUR)
    stage.clock.advance(HOUR / 2)
    assert isinstance(await stage.takes_back(eligibility.eligibility_id), Eligibility)
    [end] = await stage.ends()
    assert (end.data.activation_id, end.data.reason) == (resting.activation_id, EndReason.REVOKED)
    assert end.data.role_still_held_until == kept.ends_at
    assert _code(await stage.takes_back(eligibility.eligibility_id)) == "eligibility-over"
    assert _code(await stage.activates(eligibility.eligibility_id)) == "eligibility-over"


async def test_an_activation_makes_the_role_effective_and_says_until_when(stage: Stage) -> None:
    eligibility = await stage.eligible()
    activation = await stage.active(eligibility.eligibility_id, duration=2 * HOUR)
    held = await stage.effective()
    assert held["client_admin"].until == NOON + 2 * HOUR
    [event] = await stage.starts()
    assert event.data.activation_id == activation.activation_id
    assert (event.data.starts_at, event.data.ends_at) == (NOON, NOON + 2 * HOUR)
    assert event.data.eligibility_id == eligibility.eligibility_id


async def test_an_activation_expires_on_time_and_never_early(stage: Stage) -> None:
    eligibility = await stage.eligible()
    activation = await stage.active(eligibility.eligibility_id, duration=HOUR)
    stage.clock.advance(HOUR - MOMENT)
    assert await stage.sweeps() == 0
    assert "client_admin" in await stage.effective()
    stage.clock.advance(MOMENT)
    assert "client_admin" not in await stage.effective()
    await stage.sweeps()
    [end] = await stage.ends()
    assert (end.data.activation_id, end.data.reason) == (activation.activation_id, EndReason.ENDED)
    assert end.data.ended_at == end.time == NOON + HOUR
    assert end.actorid is None


async def test_an_expiry_that_is_noticed_late_still_ended_at_its_deadline(stage: Stage) -> None:
    eligibility = await stage.eligible()
    await stage.active(eligibility.eligibility_id, duration=HOUR)
    stage.clock.advance(5 * HOUR)
    await stage.sweeps()
    [end] = await stage.ends()
    assert end.data.ended_at == NOON + HOUR


async def test_the_holder_gives_a_role_back_early_and_only_once(stage: Stage) -> None:
    eligibility = await stage.eligible()
    activation = await stage.active(eligibility.eligibility_id)
    stage.clock.advance(HOUR / 2)
    assert isinstance(await stage.withdraws(activation.activation_id), Activation)
    assert _code(await stage.withdraws(activation.activation_id)) == "activation-over"
    assert await stage.effective() == {}
    stage.clock.advance(HOUR)
    await stage.sweeps()
    [end] = await stage.ends()
    assert (end.data.reason, end.data.ended_at, end.actorid) == (EndReason.WITHDRAWN, NOON + HOUR / 2, "ada")


async def test_somebody_elses_activation_is_not_found_by_who_tries_to_withdraw_it(stage: Stage) -> None:
    eligibility = await stage.eligible()
    await stage.has_user("eve")
    activation = await stage.active(eligibility.eligibility_id)
    assert _code(await stage.withdraws(activation.activation_id, user_id="eve")) == "not-found"
    assert _code(await stage.activates(eligibility.eligibility_id, user_id="eve")) == "not-found"
    assert await stage.ends() == []


async def test_another_who_reaches_the_role_revokes_it_and_the_holder_cannot(stage: Stage) -> None:
    eligibility = await stage.eligible()
    activation = await stage.active(eligibility.eligibility_id)
    holder = Acting(actor_id="ada", may_assign=lambda _: True)
    beneath = Acting(actor_id="sam", may_assign=lambda role: role != "client_admin")
    assert _code(await stage.revokes(activation.activation_id, acting=holder)) == "own-activation"
    assert _code(await stage.revokes(activation.activation_id, acting=beneath)) == "role-out-of-reach"
    assert _code(await stage.revokes("no-such-activation")) == "not-found"
    assert isinstance(await stage.revokes(activation.activation_id), Activation)
    assert _code(await stage.revokes(activation.activation_id)) == "activation-over"
    [end] = await stage.ends()
    assert (end.data.reason, end.actorid) == (EndReason.REVOKED, "olga")


async def test_a_withdrawal_after_the_deadline_leaves_the_end_to_the_clock(stage: Stage) -> None:
    eligibility = await stage.eligible()
    activation = await stage.active(eligibility.eligibility_id, duration=HOUR)
    stage.clock.advance(HOUR)
    assert _code(await stage.withdraws(activation.activation_id)) == "activation-over"
    assert await stage.ends() == []
    await stage.sweeps()
    assert [end.data.reason for end in await stage.ends()] == [EndReason.ENDED]


async def test_a_role_is_held_until_the_last_of_its_overlapping_activations_ends(stage: Stage) -> None:
    eligibility = await stage.eligible()
    await stage.active(eligibility.eligibility_id, duration=HOUR)
    stage.clock.advance(HOUR / 2)
    second = await stage.active(eligibility.eligibility_id, duration=2 * HOUR)
    stage.clock.advance(HOUR / 2)
    await stage.sweeps()
    assert (await stage.effective())["client_admin"].until == second.ends_at
    stage.clock.advance(2 * HOUR)
    await stage.sweeps()
    assert [end.data.role_still_held_until for end in await stage.ends()] == [second.ends_at, None]


async def test_a_deactivation_ends_every_activation_and_eligibility_at_its_own_time(stage: Stage) -> None:
    admin = await stage.eligible()
    approver = await stage.eligible(role="approver", ends_at=NOON + 24 * HOUR)
    await stage.active(admin.eligibility_id)
    await stage.active(approver.eligibility_id)
    left_at = NOON + HOUR / 4
    stage.clock.advance(HOUR / 2)
    leaving = user_deactivated("ada", at=left_at)
    await stage.learn(leaving)
    ends = await stage.ends()
    assert {(e.data.reason, e.data.ended_at) for e in ends} == {(EndReason.USER_DEACTIVATED, left_at)}
    over = [e for e in await stage.announced() if isinstance(e, EligibilityEnded)]
    assert {e.data.reason for e in over} == {EligibilityEndReason.USER_DEACTIVATED}
    assert (len(ends), len(over)) == (2, 2)
    assert {e.causationid for e in [*ends, *over]} == {leaving.id}
    assert len({e.id for e in await stage.announced()}) == 8
    assert _code(await stage.activates(admin.eligibility_id)) == "user-deactivated"
    assert _code(await stage.grants()) == "user-deactivated"


async def test_what_a_deactivation_ended_stays_ended_when_its_time_comes(stage: Stage) -> None:
    eligibility = await stage.eligible(ends_at=NOON + 2 * HOUR)
    await stage.active(eligibility.eligibility_id)
    await stage.learn(user_deactivated("ada", at=NOON))
    before = await stage.announced()
    stage.clock.advance(3 * HOUR)
    await stage.sweeps()
    assert await stage.announced() == before


async def test_a_deactivation_that_comes_after_a_reactivation_ends_only_what_was_before_it(stage: Stage) -> None:
    before = await stage.eligible()
    await stage.active(before.eligibility_id)
    stage.clock.advance(HOUR / 2)
    left_at, back_at = NOON + HOUR / 4, NOON + HOUR / 3
    await stage.learn(user_activated("ada", at=back_at))
    after = await stage.grants(role="approver")
    assert isinstance(after, Eligibility)
    kept = await stage.active(after.eligibility_id)
    await stage.learn(user_deactivated("ada", at=left_at))
    assert [end.data.role for end in await stage.ends()] == ["client_admin"]
    assert set(await stage.effective()) == {"approver"}
    assert (await stage.effective())["approver"].activation_ids == (kept.activation_id,)


async def test_a_late_event_never_overrides_a_later_one(stage: Stage) -> None:
    eligibility = await stage.eligible()
    await stage.learn(user_deactivated("ada", at=NOON))
    await stage.learn(user_activated("ada", at=NOON - HOUR))
    await stage.learn(user_invited("ada", at=NOON - 2 * HOUR))
    assert _code(await stage.activates(eligibility.eligibility_id)) == "user-deactivated"


async def test_an_invited_user_can_be_made_eligible_and_activates_once_active(stage: Stage) -> None:
    await stage.learn(user_invited("ben", at=NOON))
    eligibility = await stage.grants("ben", role="approver")
    assert isinstance(eligibility, Eligibility)
    assert _code(await stage.activates(eligibility.eligibility_id, user_id="ben")) == "user-not-active"
    await stage.learn(user_activated("ben", at=NOON + MOMENT))
    assert isinstance(await stage.activates(eligibility.eligibility_id, user_id="ben"), Activation)


async def test_roles_of_identity_and_activations_are_one_union(stage: Stage) -> None:
    eligibility = await stage.eligible(role="approver")
    await stage.learn(role_assigned("ada", role="readonly_viewer", at=NOON))
    activation = await stage.active(eligibility.eligibility_id)
    mirrored = activation.activation_id
    await stage.learn(role_assigned("ada", role="approver", at=NOON, activation_id=mirrored))
    held = await stage.effective()
    assert {role: h.until for role, h in held.items()} == {"approver": activation.ends_at, "readonly_viewer": None}
    await stage.learn(role_assigned("ada", role="approver", at=NOON))
    assert (await stage.effective())["approver"].until is None
    await stage.learn(role_revoked("ada", role="approver", at=NOON + MOMENT))
    await stage.learn(role_assigned("ada", role="approver", at=NOON))
    assert (await stage.effective())["approver"].until == activation.ends_at


async def test_an_end_that_was_announced_names_no_end_twice(stage: Stage) -> None:
    eligibility = await stage.eligible()
    for _ in range(3):
        activation = await stage.active(eligibility.eligibility_id, duration=HOUR)
        await stage.revokes(activation.activation_id)
    stage.clock.advance(2 * HOUR)
    await stage.sweeps()
    ended = [e.data.activation_id for e in await stage.announced() if isinstance(e, ActivationEnded)]
    assert len(ended) == len(set(ended)) == 3


async def test_due_work_that_comes_too_early_ends_nothing_and_comes_again(stage: Stage) -> None:
    eligibility = await stage.eligible(ends_at=NOON + HOUR)
    activation = await stage.active(eligibility.eligibility_id, duration=HOUR)
    await stage.rows("delete from due_work")
    async with stage.database.transaction("acme") as transaction:
        await activations.expire(transaction, activation.activation_id, NOON + HOUR - MOMENT)
        await eligibilities.lapse(transaction, eligibility.eligibility_id, NOON + HOUR - MOMENT)
    assert await stage.ends() == []
    stage.clock.advance(HOUR)
    assert await stage.sweeps() == 2
    assert len(await stage.ends()) == 1
