"""The attacks: after this, each kind is a story in several variants, some of them at the very edge of a window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from nuxari_events.access import MfaOutcome, SignInFlow
from nuxari_events.envelope import Event
from nuxari_events.identity import AssignmentOrigin
from nuxari_events.pim import ActivationData, RoleActivated
from nuxari_events.roles import Role

from services.simulator import privileged
from services.simulator.stage import FAILURES, MILLISECOND, REFUSALS, SUCCESS_WITHIN, WINDOW, Stage
from services.simulator.truth import Attack, Expected


@dataclass(frozen=True, kw_only=True)
class Story:
    """What happens in an attack and what must be seen of it."""

    events: tuple[Event, ...]
    expected: tuple[Expected, ...]
    circumstances: tuple[Event, ...] = ()


Play = Callable[[Stage], Story]


def _of_user(stage: Stage, **more: str) -> dict[str, str]:
    return {"user_id": stage.person.user_id, **more}


def _brute_force(stage: Stage, count: int, span: timedelta) -> Story:
    failures = stage.failures(stage.moments(count, span=span))
    seen = Expected(number=1, group=_of_user(stage), counted=failures, threshold=FAILURES, window=WINDOW)
    return Story(events=failures, expected=(seen,))


def _burst(stage: Stage) -> Story:
    return _brute_force(stage, stage.dice.randint(12, 40), stage.seconds(30, 240))


def _slow(stage: Stage) -> Story:
    return _brute_force(stage, stage.dice.randint(10, 14), stage.seconds(500, 590))


def _at_the_edge(stage: Stage) -> Story:
    return _brute_force(stage, FAILURES, WINDOW - MILLISECOND)


def _success_too_late(stage: Stage) -> Story:
    story = _burst(stage)
    late = stage.success(story.events[-1].time + SUCCESS_WITHIN + timedelta(seconds=5))
    return Story(events=(*story.events, late), expected=story.expected)


def _followed_by_success(story: Story, stage: Stage, after: timedelta) -> Story:
    success = stage.success(story.events[-1].time + after)
    (brute,) = story.expected
    broken_in = Expected(
        number=2,
        group=brute.group,
        counted=brute.counted,
        threshold=FAILURES,
        window=WINDOW,
        needed=(success,),
    )
    return Story(events=(*story.events, success), expected=(brute, broken_in))


def _success_soon(stage: Stage) -> Story:
    return _followed_by_success(_burst(stage), stage, stage.seconds(1, 60))


def _success_later(stage: Stage) -> Story:
    return _followed_by_success(_burst(stage), stage, stage.seconds(300, 1500))


def _success_at_the_edge(stage: Stage) -> Story:
    return _followed_by_success(_at_the_edge(stage), stage, SUCCESS_WITHIN - MILLISECOND)


def _weak_sign_in(flow: SignInFlow) -> Play:
    def play(stage: Stage) -> Story:
        times = (stage.at, stage.at + stage.seconds(60, 600))
        events = tuple(stage.pen.sign_in(at, stage.person, place=stage.stranger, flow=flow) for at in times)
        return Story(events=events, expected=(Expected(number=12, group=_of_user(stage, flow=flow), counted=events),))

    return play


def _administration_without_mfa(stage: Stage) -> Story:
    event = stage.pen.sign_in(stage.at, stage.person, place=stage.stranger, mfa=False, administrative=True)
    group = _of_user(stage, flow=SignInFlow.INTERACTIVE)
    return Story(events=(event,), expected=(Expected(number=12, group=group, counted=(event,)),))


def _fatigue(stage: Stage, moments: tuple[datetime, ...], outcomes: tuple[MfaOutcome, ...]) -> Story:
    pushes = stage.pushes(moments, outcomes=outcomes)
    refused = tuple(push for number, push in enumerate(pushes) if outcomes[number % len(outcomes)] in _REFUSED)
    seen = Expected(number=13, group=_of_user(stage), counted=refused, threshold=REFUSALS, window=WINDOW)
    return Story(events=pushes, expected=(seen,))


_REFUSED = (MfaOutcome.DENIED, MfaOutcome.TIMED_OUT)


def _many_pushes(stage: Stage) -> Story:
    return _fatigue(stage, stage.moments(stage.dice.randint(6, 20), span=stage.seconds(60, 300)), _REFUSED)


def _pushes_at_the_edge(stage: Stage) -> Story:
    return _fatigue(stage, stage.moments(REFUSALS, span=WINDOW - MILLISECOND), _REFUSED)


def _pushes_with_an_approval(stage: Stage) -> Story:
    """An approval in the middle does not begin the count anew."""
    outcomes = (MfaOutcome.DENIED,) * 3 + (MfaOutcome.APPROVED,) + (MfaOutcome.DENIED,) * 3
    return _fatigue(stage, stage.moments(len(outcomes), span=stage.seconds(200, 540)), outcomes)


def _granted_in_a_connected_system(stage: Stage) -> Story:
    role = "arn:aws:iam::aws:policy/AdministratorAccess"
    event = stage.pen.role_grant(stage.at, stage.person.user_id, role=role, privileged=True, pim_request_id=None)
    return Story(events=(event,), expected=(Expected(number=34, group=_of_user(stage, role=role), counted=(event,)),))


def _assigned_by_hand(stage: Stage) -> Story:
    role = stage.dice.choice((Role.CLIENT_ADMIN, Role.CLIENT_SECURITY_ADMIN))
    event = stage.pen.role_assigned(stage.at, stage.person.user_id, role=role, origin=AssignmentOrigin.DIRECT)
    return Story(events=(event,), expected=(Expected(number=34, group=_of_user(stage, role=role), counted=(event,)),))


_ROLE = Role.CLIENT_SECURITY_ADMIN


def _acts_outside(
    stage: Stage, first: datetime, *, circumstances: tuple[Event, ...] = (), needed: tuple[Event, ...] = ()
) -> Story:
    times = sorted((first, *(first + stage.seconds(1, 180) for _ in range(stage.dice.randint(0, 3)))))
    actions = tuple(privileged.acts(stage.pen, stage.person, role=_ROLE, at=at, dice=stage.dice) for at in times)
    group = _of_user(stage, role=_ROLE, required_role=_ROLE)
    seen = Expected(number=35, group=group, counted=actions, needed=needed)
    return Story(events=actions, expected=(seen,), circumstances=circumstances)


def _activated(stage: Stage, *, role: Role = _ROLE, at: datetime | None = None) -> tuple[ActivationData, list[Event]]:
    start = at or stage.at
    lasting = stage.seconds(600, 1200)
    written = privileged.activates(stage.pen, stage.person.user_id, role=role, at=start, ends_at=start + lasting)
    first = written[0]
    if not isinstance(first, RoleActivated):
        raise TypeError(first.type)
    return first.data, [stage.pen.eligibility(start, stage.person.user_id, role=role), *written]


def _never_activated(stage: Stage) -> Story:
    return _acts_outside(stage, stage.at)


def _before_the_activation(stage: Stage) -> Story:
    """The last action is still more than the allowed slack before the activation."""
    _, activated = _activated(stage, at=stage.at + timedelta(seconds=250))
    return _acts_outside(stage, stage.at, circumstances=tuple(activated))


def _after_the_end(stage: Stage) -> Story:
    activation, activated = _activated(stage)
    over = privileged.ends(stage.pen, activation=activation, at=activation.ends_at)
    first = activation.ends_at + privileged.SLACK + stage.seconds(1, 300)
    return _acts_outside(stage, first, circumstances=(*activated, *over))


def _after_the_withdrawal(stage: Stage) -> Story:
    activation, activated = _activated(stage)
    over = privileged.ends(stage.pen, activation=activation, at=stage.at + timedelta(minutes=5))
    first = over[0].time + privileged.SLACK + stage.seconds(1, 30)
    return _acts_outside(stage, first, circumstances=(*activated, *over), needed=tuple(over))


def _with_another_role(stage: Stage) -> Story:
    _, activated = _activated(stage, role=Role.CLIENT_COMPLIANCE_AUDITOR)
    return _acts_outside(stage, stage.at + stage.seconds(60, 300), circumstances=tuple(activated))


def _deactivated(stage: Stage) -> tuple[str, tuple[Event, ...]]:
    credential = f"{stage.person.user_id}-key"
    registered = stage.pen.credential(stage.at, credential, owner_id=stage.person.user_id)
    gone = stage.at + timedelta(minutes=10)
    orphaned = stage.pen.credential_orphaned(
        gone + timedelta(seconds=1), credential, former_owner_id=stage.person.user_id
    )
    return credential, (registered, stage.pen.user_deactivated(gone, stage.person), orphaned)


def _used_after_all(stage: Stage, use: Callable[[datetime, str], Event]) -> Story:
    credential, circumstances = _deactivated(stage)
    _, gone, _ = circumstances
    event = use(gone.time + stage.seconds(30, 1200), credential)
    group = _of_user(stage, credential_id=credential)
    seen = Expected(number=33, group=group, counted=(event,), needed=circumstances)
    return Story(events=(event,), expected=(seen,), circumstances=circumstances)


def _signs_in_after_all(stage: Stage) -> Story:
    return _used_after_all(stage, lambda at, _: stage.success(at))


def _acts_after_all(stage: Stage) -> Story:
    def acts(at: datetime, _: str) -> Event:
        user_id, place = stage.person.user_id, stage.stranger
        return stage.pen.action(at, user_id, place=place, action="document:Read", resource="document-7")

    return _used_after_all(stage, acts)


def _credential_used_after_all(stage: Stage) -> Story:
    def uses(at: datetime, credential: str) -> Event:
        return stage.pen.credential_use(at, credential, place=stage.stranger, user_id=None, action="document:Read")

    return _used_after_all(stage, uses)


KINDS: Mapping[str, Mapping[str, Play]] = {
    "brute_force": {
        "burst": _burst,
        "edge": _at_the_edge,
        "success_too_late": _success_too_late,
        "slow": _slow,
    },
    "brute_force_success": {"soon": _success_soon, "edge": _success_at_the_edge, "later": _success_later},
    "weak_sign_in": {
        "ropc": _weak_sign_in(SignInFlow.ROPC),
        "administration_without_mfa": _administration_without_mfa,
        "device_code": _weak_sign_in(SignInFlow.DEVICE_CODE),
        "legacy_protocol": _weak_sign_in(SignInFlow.LEGACY_PROTOCOL),
    },
    "mfa_fatigue": {"many": _many_pushes, "edge": _pushes_at_the_edge, "with_an_approval": _pushes_with_an_approval},
    "role_outside_pim": {"connected_system": _granted_in_a_connected_system, "by_hand": _assigned_by_hand},
    "action_outside_activation": {
        "never_activated": _never_activated,
        "after_the_end": _after_the_end,
        "after_the_withdrawal": _after_the_withdrawal,
        "before_the_activation": _before_the_activation,
        "with_another_role": _with_another_role,
    },
    "disabled_identity": {
        "signs_in": _signs_in_after_all,
        "credential": _credential_used_after_all,
        "acts": _acts_after_all,
    },
}
"""Every kind of attack with its variants, in the order in which they are injected."""


def attack(number: int, *, stage: Stage) -> Attack:
    """Write the attack of that number: kinds take turns, and the variants of each kind."""
    kind = list(KINDS)[number % len(KINDS)]
    variants = list(KINDS[kind])
    variant = variants[number // len(KINDS) % len(variants)]
    story = KINDS[kind][variant](stage)
    return Attack(
        attack_id=f"attack-{number + 1:03d}",
        kind=kind,
        variant=variant,
        victim=stage.person.user_id,
        events=story.events,
        expected=story.expected,
        circumstances=story.circumstances,
    )
