"""The rules of privileged access, decided without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pim.domain import rules
from services.pim.domain.errors import Refusal
from services.pim.domain.model import (
    Activation,
    ActivationState,
    Eligibility,
    EligibilityState,
    EndReason,
    PolicyUsed,
    StandingRole,
    User,
    UserStatus,
)
from services.pim.domain.role_settings import (
    DEFAULT_MAXIMUM,
    LONGEST_MAXIMUM,
    SHORTEST_MAXIMUM,
    RoleSettings,
    change,
    default_settings,
)
from tests.pim.builders import HOUR, NOON, a_grant, a_user, a_wish, an_activation, an_eligibility

ADMIN_SETTINGS = default_settings("client_admin", is_administrative=True)


def _granted(wish: rules.Grant, *, user: User | None = None, by: str = "olga", may: bool = True) -> object:
    return rules.grant(wish, eligibility_id="e1", user=user or a_user(), by=by, may_grant_role=may, at=NOON)


def _activated(
    wish: rules.ActivationWish,
    *,
    user: User | None,
    eligibility: Eligibility | None,
    settings: RoleSettings = ADMIN_SETTINGS,
    fresh: bool = True,
    at: datetime = NOON,
) -> Activation | Refusal:
    return rules.activate(
        wish,
        activation_id="a1",
        user=user,
        eligibility=eligibility,
        settings=settings,
        policy=PolicyUsed(version=0, digest="d"),
        has_fresh_mfa=fresh,
        at=at,
    )


def _code(decision: object) -> str | None:
    return decision.code if isinstance(decision, Refusal) else None


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (a_grant(user_id="olga"), "own-eligibility"),
        (a_grant(starts_at=NOON - timedelta(seconds=1)), "starts-in-the-past"),
        (a_grant(starts_at=NOON + timedelta(days=367)), "starts-too-late"),
        (a_grant(ends_at=NOON), "ends-before-start"),
        (a_grant(ends_at=NOON + timedelta(days=366, seconds=1)), "eligibility-too-long"),
        (a_grant(ends_at=NOON + timedelta(days=366)), None),
        (a_grant(starts_at=NOON + HOUR, ends_at=NOON + 2 * HOUR), None),
        (a_grant(), None),
    ],
)
def test_an_eligibility_is_granted_within_its_limits_and_never_to_oneself(wish: rules.Grant, code: str | None) -> None:
    assert _code(_granted(wish)) == code


def test_an_eligibility_is_granted_only_by_who_reaches_the_role_and_only_to_who_is_not_deactivated() -> None:
    assert _code(_granted(a_grant(), may=False)) == "role-out-of-reach"
    assert _code(_granted(a_grant(), user=a_user(status=UserStatus.DEACTIVATED))) == "user-deactivated"
    assert _code(_granted(a_grant(), user=a_user(status=UserStatus.INVITED))) is None


def test_an_eligibility_is_in_force_from_its_start_until_just_before_its_end() -> None:
    eligibility = an_eligibility(starts_at=NOON, ends_at=NOON + HOUR)
    moment = timedelta(microseconds=1)
    assert eligibility.state(NOON - moment) is EligibilityState.SCHEDULED
    assert eligibility.state(NOON) is EligibilityState.IN_FORCE
    assert eligibility.state(NOON + HOUR - moment) is EligibilityState.IN_FORCE
    assert eligibility.state(NOON + HOUR) is EligibilityState.EXPIRED


@pytest.mark.parametrize(
    ("user", "eligibility", "code"),
    [
        (None, an_eligibility(), "user-not-known-yet"),
        (a_user(status=UserStatus.INVITED), an_eligibility(), "user-not-active"),
        (a_user(status=UserStatus.DEACTIVATED), an_eligibility(), "user-deactivated"),
        (a_user(), None, "not-found"),
        (a_user(), an_eligibility(user_id="eve"), "not-found"),
        (a_user(), an_eligibility(starts_at=NOON + HOUR), "eligibility-not-started"),
        (a_user(), an_eligibility(starts_at=NOON - HOUR, ends_at=NOON), "eligibility-over"),
        (a_user(), an_eligibility(), None),
    ],
)
def test_only_an_active_user_activates_an_own_eligibility_in_force(
    user: User | None, eligibility: Eligibility | None, code: str | None
) -> None:
    assert _code(_activated(a_wish(), user=user, eligibility=eligibility)) == code


@pytest.mark.parametrize(
    ("justification", "code"),
    [
        ("ninechars", "justification-too-short"),
        ("  ninechars   ", "justification-too-short"),
        ("\t \n", "justification-too-short"),
        ("ten chars!", None),
        ("  ten chars!  ", None),
    ],
)
def test_a_justification_has_ten_characters_without_the_blanks_around_it(justification: str, code: str | None) -> None:
    decision = _activated(a_wish(justification=justification), user=a_user(), eligibility=an_eligibility())
    assert _code(decision) == code
    assert not isinstance(decision, Activation) or decision.justification == justification.strip()


def test_an_administrative_role_takes_fresh_mfa_and_an_operational_one_only_if_the_tenant_asks_for_it() -> None:
    operational = default_settings("approver", is_administrative=False)
    mine = an_eligibility(role="approver")
    assert _code(_activated(a_wish(), user=a_user(), eligibility=an_eligibility(), fresh=False)) == "mfa-required"
    assert _code(_activated(a_wish(), user=a_user(), eligibility=mine, settings=operational, fresh=False)) is None
    strict = replace(operational, mfa_required=True)
    refused = _activated(a_wish(), user=a_user(), eligibility=mine, settings=strict, fresh=False)
    assert _code(refused) == "mfa-required"


@given(
    asked=st.none() | st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(hours=30)),
    maximum=st.timedeltas(min_value=SHORTEST_MAXIMUM, max_value=LONGEST_MAXIMUM),
    left=st.none() | st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=2)),
)
def test_an_activation_never_outlasts_the_maximum_nor_its_eligibility(
    asked: timedelta | None, maximum: timedelta, left: timedelta | None
) -> None:
    eligibility = an_eligibility(starts_at=NOON - HOUR, ends_at=None if left is None else NOON + left)
    settings = replace(ADMIN_SETTINGS, maximum_duration=maximum)
    longest = maximum if left is None else min(maximum, left)
    decision = _activated(a_wish(duration=asked), user=a_user(), eligibility=eligibility, settings=settings)
    if asked is not None and asked > longest:
        assert _code(decision) == "duration-too-long"
    else:
        assert isinstance(decision, Activation)
        assert decision.ends_at - decision.starts_at == (longest if asked is None else asked)


@given(st.timedeltas(min_value=timedelta(hours=-5), max_value=timedelta(hours=5)))
def test_an_early_end_lies_within_the_activation_whatever_the_clock_of_the_other_says(shift: timedelta) -> None:
    activation = an_activation(ends_at=NOON + HOUR)
    ended = rules.ended_early(activation, reason=EndReason.USER_DEACTIVATED, by=None, at=NOON + shift)
    assert activation.starts_at <= ended.over_at <= activation.ends_at
    assert ended.state(NOON) is ActivationState.REVOKED


def test_what_nobody_ended_is_over_by_the_clock_alone() -> None:
    activation = an_activation(ends_at=NOON + HOUR)
    assert activation.state(NOON) is ActivationState.ACTIVE
    assert activation.state(NOON + HOUR) is ActivationState.ENDED
    assert not activation.is_live(NOON + HOUR)
    assert activation.remaining(NOON + HOUR / 4) == HOUR * 3 / 4


@given(
    st.lists(st.tuples(st.sampled_from(["client_admin", "approver"]), st.integers(1, 100)), min_size=1, max_size=6),
    st.lists(st.tuples(st.sampled_from(["client_admin", "approver"]), st.none() | st.integers(1, 100)), max_size=3),
    st.integers(0, 101),
)
def test_effective_roles_are_the_union_of_what_grants_them(
    activated: list[tuple[str, int]], given_: list[tuple[str, int | None]], minute: int
) -> None:
    at = NOON + timedelta(minutes=minute)
    activations = [
        an_activation(f"a{n}", role=role, ends_at=NOON + timedelta(minutes=end))
        for n, (role, end) in enumerate(activated)
    ]
    standing = [
        StandingRole(role=role, ends_at=None if end is None else NOON + timedelta(minutes=end)) for role, end in given_
    ]
    held = {h.role: h for h in rules.effective_roles(a_user(), standing=standing, activations=activations, at=at)}
    for role in ("client_admin", "approver"):
        ends = [end for r, end in [*activated, *given_] if r == role and (end is None or end > minute)]
        assert (role in held) == bool(ends)
        if ends:
            known = [end for end in ends if end is not None]
            last = max(known) if len(known) == len(ends) else None
            assert held[role].until == (None if last is None else NOON + timedelta(minutes=last))


def test_a_user_who_is_not_active_holds_nothing() -> None:
    activations = [an_activation(ends_at=NOON + HOUR)]
    for user in (None, a_user(status=UserStatus.DEACTIVATED), a_user(status=UserStatus.INVITED)):
        assert rules.effective_roles(user, standing=[], activations=activations, at=NOON) == ()


_minutes = st.integers(0, 26 * 60)


@given(maximum=_minutes, characters=st.integers(0, 250), mfa=st.booleans())
def test_settings_change_only_towards_strictness_and_within_their_limits(
    *, maximum: int, characters: int, mfa: bool
) -> None:
    old = replace(ADMIN_SETTINGS, maximum_duration=timedelta(hours=4), justification_length=30, version=3)
    new = change(
        old,
        maximum_duration=timedelta(minutes=maximum),
        justification_length=characters,
        mfa_required=mfa,
        by="olga",
        at=NOON,
    )
    if not 5 <= maximum <= 24 * 60:
        assert _code(new) == "maximum-out-of-range"
    elif not 10 <= characters <= 200:
        assert _code(new) == "justification-out-of-range"
    elif maximum > 240 or characters < 30 or not mfa:
        assert _code(new) == "governed-action"
    else:
        assert isinstance(new, RoleSettings)
        assert new.version == (3 if (maximum, characters) == (240, 30) else 4)


def test_the_defaults_are_those_of_the_domain() -> None:
    settings = default_settings("approver", is_administrative=False)
    assert settings.maximum_duration == DEFAULT_MAXIMUM == timedelta(hours=8)
    assert (settings.justification_length, settings.mfa_required, settings.version) == (10, False, 0)
    assert ADMIN_SETTINGS.mfa_required
