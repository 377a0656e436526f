"""What comes as close to an attack as can be and is none: an alert about any of it is false."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from nuxari_events.access import MfaOutcome, Outcome, SignInFlow
from nuxari_events.envelope import Event
from nuxari_events.identity import AssignmentOrigin
from nuxari_events.pim import RoleActivated
from nuxari_events.roles import Role

from services.simulator import privileged
from services.simulator.stage import FAILURES, REFUSALS, WINDOW, Stage


def failures_just_too_far_apart(stage: Stage) -> list[Event]:
    """Ten failures of which the first is exactly ten minutes before the last: it is outside `(t - 10 min, t]`."""
    failures = stage.failures(stage.moments(FAILURES, span=WINDOW))
    return [*failures, stage.success(failures[-1].time + timedelta(minutes=5))]


def failures_in_two_groups(stage: Stage) -> list[Event]:
    """Nine failures, a pause, nine more, and a success."""
    first = stage.failures(stage.moments(FAILURES - 1, span=timedelta(minutes=3)))
    again = stage.failures([failure.time + timedelta(minutes=14) for failure in first])
    return [*first, *again, stage.success(again[-1].time + timedelta(seconds=20))]


def pushes_just_too_far_apart(stage: Stage) -> list[Event]:
    """Five refused pushes of which the first is exactly ten minutes before the last."""
    refused = (MfaOutcome.TIMED_OUT, MfaOutcome.DENIED)
    return list(stage.pushes(stage.moments(REFUSALS, span=WINDOW), outcomes=refused))


def weak_sign_in_that_fails(stage: Stage) -> list[Event]:
    """A legacy flow that is refused, as it should be."""
    return [
        stage.pen.sign_in(stage.at, stage.person, place=stage.stranger, flow=SignInFlow.ROPC, outcome=Outcome.FAILURE)
    ]


def ordinary_roles_by_hand(stage: Stage) -> list[Event]:
    """An unprivileged role of a connected system and an operational role of the tenant: neither needs PIM."""
    user_id, role = stage.person.user_id, "arn:aws:iam::aws:policy/ReadOnlyAccess"
    return [
        stage.pen.role_grant(stage.at, user_id, role=role, privileged=False, pim_request_id=None),
        stage.pen.role_assigned(stage.at, user_id, role=Role.APPROVER, origin=AssignmentOrigin.DIRECT),
    ]


def actions_within_the_slack(stage: Stage) -> list[Event]:
    """Privileged actions shortly before an activation begins and shortly after it ends."""
    role, start = Role.CLIENT_SECURITY_ADMIN, stage.at + privileged.INSIDE_SLACK
    activated = privileged.activates(
        stage.pen, stage.person.user_id, role=role, at=start, ends_at=start + timedelta(minutes=15)
    )
    activation = next(event.data for event in activated if isinstance(event, RoleActivated))
    times = (stage.at, activation.ends_at + privileged.INSIDE_SLACK)
    actions = [privileged.acts(stage.pen, stage.person, role=role, at=at, dice=stage.dice) for at in times]
    over = privileged.ends(stage.pen, activation=activation, at=activation.ends_at)
    return [*activated, *actions, *over]


def someone_comes_back(stage: Stage) -> list[Event]:
    """A deactivated user who is activated again signs in."""
    back = stage.at + timedelta(minutes=15)
    return [
        stage.pen.user_deactivated(stage.at, stage.person),
        stage.pen.user_activated(back, stage.person),
        stage.pen.sign_in(back + timedelta(minutes=5), stage.person, place=stage.person.office, mfa=True),
    ]


LOOKALIKES: tuple[Callable[[Stage], list[Event]], ...] = (
    failures_just_too_far_apart,
    failures_in_two_groups,
    pushes_just_too_far_apart,
    weak_sign_in_that_fails,
    ordinary_roles_by_hand,
    actions_within_the_slack,
    someone_comes_back,
)
"""One for each of the people who are set aside for it."""
