"""Who becomes what, and what somebody may act as, as functions of state and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nuxari_events.roles import ADMINISTRATIVE, Role

from services.identity.domain import owners, rules
from services.identity.domain.errors import Refusal
from services.identity.domain.model import Assignment, Origin, Owner, User, UserStatus
from services.identity.domain.owners import LAST_OWNER, is_qualified, loses_last
from shared.access.permissions import assignable_by
from tests.identity.builders import DAY, HOUR, NOON, SECOND, a_user, an_assignment, an_owner

OWNER, ADMIN, SECURITY = Role.CLIENT_OWNER, Role.CLIENT_ADMIN, Role.CLIENT_SECURITY_ADMIN


def assign(user: User | None, *held: Assignment, **more: Any) -> Assignment | Refusal:
    asked: dict[str, Any] = {
        "role": "approver",
        "ends_at": None,
        "assignment_id": "a1",
        "by": "olga",
        "at": NOON,
    } | more
    return rules.assign(user, held, is_administrative=asked["role"] in ADMINISTRATIVE, **asked)


def revoke(user: User | None, *held: Assignment, **more: Any) -> Assignment | Refusal:
    asked: dict[str, Any] = {"role": "approver", "owners": [], "by": "olga", "at": NOON}
    return rules.revoke(user, held, **(asked | more))


def deactivate(user: User | None, *held: Assignment, **more: Any) -> User | Refusal:
    asked: dict[str, Any] = {"owners": [], "revocable": set(Role), "by": "olga", "at": NOON}
    return rules.deactivate(user, held, **(asked | more))


def effective(user: User, *held: Assignment, at: datetime = NOON) -> Mapping[str, datetime | None]:
    return rules.effective_roles(user, held, at=at)


def code(decision: object) -> str:
    assert isinstance(decision, Refusal), decision
    return decision.code


def test_an_assignment_says_who_gave_what_to_whom_and_until_when() -> None:
    given_role = assign(a_user(), ends_at=NOON + HOUR)

    assert isinstance(given_role, Assignment)
    assert (given_role.user_id, given_role.role, given_role.assigned_by) == ("ada", "approver", "olga")
    assert (given_role.origin, given_role.begins_at, given_role.ends_at) == (Origin.DIRECT, NOON, NOON + HOUR)


def test_nobody_assigns_a_role_to_themselves() -> None:
    assert code(assign(a_user(), by="ada")) == "own-role"


def test_a_role_that_is_held_is_not_given_again_but_one_that_ended_is() -> None:
    assert code(assign(a_user(), an_assignment())) == "already-held"
    assert code(assign(a_user(), an_assignment(ends_at=NOON + SECOND))) == "already-held"
    assert isinstance(assign(a_user(), an_assignment(ends_at=NOON)), Assignment)
    assert isinstance(assign(a_user(), an_assignment(ended_at=NOON - SECOND)), Assignment)
    assert isinstance(assign(a_user(), an_assignment(origin=Origin.PIM, ends_at=NOON + HOUR)), Assignment)


@pytest.mark.parametrize("ends_at", [NOON, NOON - SECOND, NOON + 367 * DAY])
def test_an_assignment_ends_later_than_now_and_within_a_year(ends_at: datetime) -> None:
    assert code(assign(a_user(), ends_at=ends_at)) == "bad-end"


def test_a_user_who_is_not_there_or_deactivated_is_given_nothing() -> None:
    assert code(assign(None)) == "not-found"
    assert code(assign(a_user(status=UserStatus.DEACTIVATED))) == "user-not-active"


@pytest.mark.parametrize("role", Role)
def test_whoever_made_the_link_of_an_invited_user_does_not_reach_an_administrative_role_by_it(role: Role) -> None:
    decision = assign(a_user(status=UserStatus.INVITED), role=role)

    if role in ADMINISTRATIVE:
        assert code(decision) == "user-not-active"
    else:
        assert isinstance(decision, Assignment)


def test_only_what_is_held_by_assignment_is_revoked_here() -> None:
    assert code(revoke(a_user())) == "not-held"
    assert code(revoke(a_user(), an_assignment(origin=Origin.PIM, ends_at=NOON + HOUR))) == "not-held"
    assert code(revoke(a_user(), an_assignment(ends_at=NOON))) == "not-held"
    assert code(revoke(None)) == "not-found"
    ended = revoke(a_user(), an_assignment())
    assert isinstance(ended, Assignment)
    assert (ended.ended_at, ended.ended_by) == (NOON, "olga")


def test_an_owner_may_step_down_while_another_one_stays() -> None:
    held = an_assignment(OWNER, user_id="olga")
    both = [an_owner("olga"), an_owner("otto")]

    assert isinstance(revoke(a_user("olga"), held, role=OWNER, owners=both, by="olga"), Assignment)
    assert revoke(a_user("olga"), held, role=OWNER, owners=both[:1], by="olga") == LAST_OWNER


def test_an_end_is_never_after_the_deadline_that_there_was() -> None:
    late = rules.ended(an_assignment(ends_at=NOON), by=None, at=NOON + HOUR)

    assert late.ended_at == NOON


def test_deactivating_somebody_takes_the_right_to_revoke_each_role_they_hold() -> None:
    held = [an_assignment(), an_assignment(OWNER, origin=Origin.PIM, ends_at=NOON + HOUR)]
    reach = assignable_by(ADMIN)

    assert code(deactivate(a_user(), *held, revocable=reach)) == "role-out-of-reach"
    assert isinstance(deactivate(a_user(), held[0], revocable=reach), User)
    assert isinstance(deactivate(a_user(), replace(held[1], ends_at=NOON), revocable=reach), User)


def test_nobody_deactivates_themselves_nor_twice_nor_a_stranger() -> None:
    assert code(deactivate(a_user(), by="ada")) == "own-account"
    assert code(deactivate(a_user(status=UserStatus.DEACTIVATED))) == "already-deactivated"
    assert code(deactivate(None)) == "not-found"


def test_a_user_comes_back_as_one_who_may_sign_in_or_as_one_who_is_invited() -> None:
    gone = a_user(status=UserStatus.DEACTIVATED, failures=3, locked_until=NOON + HOUR)
    back = rules.reactivate(gone, has_password=True, at=NOON)
    never_here = rules.reactivate(gone, has_password=False, at=NOON)

    assert isinstance(back, User)
    assert isinstance(never_here, User)
    assert (back.status, never_here.status) == (UserStatus.ACTIVE, UserStatus.INVITED)
    assert (back.failures, back.locked_until, back.changed_at) == (0, None, NOON)
    assert code(rules.reactivate(a_user(), has_password=True, at=NOON)) == "not-deactivated"
    assert code(rules.reactivate(None, has_password=True, at=NOON)) == "not-found"


@pytest.mark.parametrize(
    "lack",
    [
        {"status": UserStatus.INVITED},
        {"status": UserStatus.DEACTIVATED},
        {"has_factor": False},
        {"is_permanent": False},
    ],
)
def test_an_owner_who_lacks_anything_does_not_keep_the_tenant_owned(lack: dict[str, Any]) -> None:
    lacking = an_owner("otto", **lack)

    assert not is_qualified(lacking)
    assert loses_last([an_owner("olga"), lacking], leaving="olga")
    assert not loses_last([an_owner("olga"), lacking], leaving="otto")
    assert loses_last([lacking], leaving="otto")


def test_somebody_who_is_no_owner_may_always_leave() -> None:
    assert not loses_last([], leaving="ada")
    assert not loses_last([an_owner("olga", has_factor=False)], leaving="ada")


an_owner_of_any_kind = st.builds(
    Owner,
    user_id=st.sampled_from("abcd"),
    status=st.sampled_from(UserStatus),
    has_factor=st.booleans(),
    is_permanent=st.booleans(),
)


@given(st.lists(an_owner_of_any_kind, unique_by=lambda owner: owner.user_id), st.data())
def test_whoever_is_let_go_leaves_a_qualified_owner_behind(everybody: list[Owner], data: st.DataObject) -> None:
    for _ in range(len(everybody)):
        leaving = data.draw(st.sampled_from("abcd"))
        if not owners.loses_last(everybody, leaving=leaving):
            was_one = any(owner.user_id == leaving for owner in everybody)
            everybody = [owner for owner in everybody if owner.user_id != leaving]
            assert not was_one or any(is_qualified(owner) for owner in everybody)


def test_what_somebody_may_act_as_is_the_union_of_what_is_live_each_with_its_last_end() -> None:
    held = [
        an_assignment("approver", ends_at=NOON + HOUR),
        an_assignment("approver", origin=Origin.PIM, ends_at=NOON + 2 * HOUR),
        an_assignment("requester"),
        an_assignment("requester", ends_at=NOON + HOUR),
        an_assignment(ADMIN, ends_at=NOON),
        an_assignment(ADMIN, ended_at=NOON - SECOND),
    ]

    assert effective(a_user(), *held) == {"approver": NOON + 2 * HOUR, "requester": None}
    assert effective(a_user(), *held, at=NOON + HOUR) == {"approver": NOON + 2 * HOUR, "requester": None}
    assert effective(a_user(), *held, at=NOON + 2 * HOUR) == {"requester": None}


def test_a_security_admin_without_a_second_factor_has_the_assignment_and_not_the_privileges() -> None:
    held = an_assignment(SECURITY)

    assert effective(a_user(has_factor=False), held) == {"readonly_viewer": None}
    assert effective(a_user(has_factor=True), held) == {SECURITY: None}
    assert effective(a_user(has_factor=False), held, an_assignment("approver")) == {"approver": None}


def test_whoever_may_sign_in_is_a_viewer_at_least_and_nobody_else_is_anything() -> None:
    assert effective(a_user()) == {"readonly_viewer": None}
    for status in (UserStatus.INVITED, UserStatus.DEACTIVATED):
        assert effective(a_user(status=status), an_assignment(OWNER)) == {}


minutes = st.integers(0, 20).map(lambda n: NOON + timedelta(minutes=n))
any_assignment = st.builds(
    an_assignment,
    st.sampled_from([OWNER, SECURITY, Role.APPROVER, Role.REQUESTER]),
    origin=st.sampled_from(Origin),
    ends_at=st.none() | minutes,
    ended_at=st.none() | minutes,
)


def naively(held: Sequence[Assignment], role: str, *, has_factor: bool, at: datetime) -> bool:
    """Whether any grant of the role, each an interval of its own, holds at that moment."""
    if role == SECURITY and not has_factor:
        return False
    return any(
        one.role == role and at < (one.ends_at or datetime.max.replace(tzinfo=NOON.tzinfo))
        for one in held
        if one.ended_at is None
    )


@given(st.lists(any_assignment, max_size=8), st.booleans(), minutes)
def test_effective_roles_and_their_ends_equal_a_naive_interval_model(
    held: list[Assignment],
    has_factor: bool,  # noqa: FBT001 - drawn by name
    at: datetime,
) -> None:
    user = a_user(has_factor=has_factor)
    said = effective(user, *held, at=at)
    expected: set[str] = {role for role in Role if naively(held, role, has_factor=has_factor, at=at)}
    assert set(said) == (expected or {"readonly_viewer"})
    for role, end in said.items():
        if role in expected:
            assert end is None or end > at
            last = NOON + DAY if end is None else end - timedelta(microseconds=1)
            assert naively(held, role, has_factor=has_factor, at=last)
            assert end is None or not naively(held, role, has_factor=has_factor, at=end)
    assert effective(user, *reversed(held), at=at) == said
