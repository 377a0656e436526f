"""Privilege as it should be used: after this, activations, the actions inside them and their ends tell one story."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from nuxari_events.envelope import Event
from nuxari_events.identity import AssignmentOrigin
from nuxari_events.pim import ActivationData, RoleActivated
from nuxari_events.roles import Role

from services.simulator.pen import Pen
from services.simulator.people import Person

SLACK = timedelta(seconds=60)
"""An action this near to an activation counts as inside it (detection 35)."""

INSIDE_SLACK = timedelta(seconds=55)

ACTIONS = ("policy:Update", "user:Deactivate", "audit-package:Export", "connector:Register")


def activates(pen: Pen, person_id: str, *, role: Role, at: datetime, ends_at: datetime) -> list[Event]:
    """Write an activation and the assignment that carries it out; the first event is the activation."""
    activated = pen.activation(at, person_id, role=role, ends_at=ends_at)
    return [
        activated,
        pen.role_assigned(at, person_id, role=role, origin=AssignmentOrigin.PIM, activation=activated.data),
    ]


def ends(pen: Pen, *, activation: ActivationData, at: datetime) -> list[Event]:
    """Write the end of an activation, early or on time, and of the assignment that carried it out."""
    return [pen.activation_end(at, activation=activation), pen.role_revoked(at, activation=activation)]


def acts(pen: Pen, person: Person, *, role: Role, at: datetime, dice: Random) -> Event:
    """Write one action that needs the role."""
    return pen.action(
        at,
        person.user_id,
        place=person.office,
        action=dice.choice(ACTIONS),
        resource=f"{role}-resource-{dice.randint(1, 50)}",
        required_role=role,
    )


def shifts_of(
    person: Person, *, role: Role, pen: Pen, dice: Random, span: tuple[datetime, datetime]
) -> Iterator[Event]:
    """Yield an eligible person's activations with all that happens inside them, in order of time."""
    start, end = span
    yield pen.eligibility(start, person.user_id, role=role)
    at = start + _minutes(5, 60, dice)
    while at <= end:
        story = sorted(_one_shift(person, role=role, pen=pen, dice=dice, at=at), key=lambda event: event.time)
        yield from (event for event in story if event.time <= end)
        at = story[-1].time + _minutes(10, 90, dice)


def _one_shift(person: Person, *, role: Role, pen: Pen, dice: Random, at: datetime) -> list[Event]:
    planned = at + _minutes(20, 90, dice)
    first, *assigned = activates(pen, person.user_id, role=role, at=at, ends_at=planned)
    activation = _data(first)
    how = dice.random()
    if how < 0.3:  # noqa: PLR2004 - three in ten are given back early
        over = at + (planned - at) * 0.6
        over = over.replace(microsecond=over.microsecond // 1000 * 1000)
        closing = ends(pen, activation=activation, at=over)
    elif how < 0.5:  # noqa: PLR2004 - two in ten are prolonged by a second one that overlaps
        over, closing = _prolonged(person, role=role, pen=pen, activation=activation)
    else:
        over, closing = planned, ends(pen, activation=activation, at=planned)
    inside = [acts(pen, person, role=role, at=moment, dice=dice) for moment in _moments(at, over, dice)]
    near = [acts(pen, person, role=role, at=over + INSIDE_SLACK, dice=dice)]
    granted = [_grants(pen, activation, at=at + timedelta(minutes=2), dice=dice)]
    return [first, *assigned, *inside, *granted, *closing, *near]


def _prolonged(person: Person, *, role: Role, pen: Pen, activation: ActivationData) -> tuple[datetime, list[Event]]:
    """A second activation begins before the first ends: the role is held through both."""
    at, planned = activation.ends_at - timedelta(minutes=5), activation.ends_at + timedelta(minutes=25)
    second, *assigned = activates(pen, person.user_id, role=role, at=at, ends_at=planned)
    first_end = pen.activation_end(activation.ends_at, activation=activation, still_held_until=planned)
    return planned, [second, *assigned, first_end, *ends(pen, activation=_data(second), at=planned)]


def _grants(pen: Pen, activation: ActivationData, *, at: datetime, dice: Random) -> Event:
    """A role given in a connected system as an activation asks for: linked to its request."""
    role = dice.choice(("arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/IAMFullAccess"))
    return pen.role_grant(at, activation.user_id, role=role, privileged=True, pim_request_id=activation.activation_id)


def _moments(start: datetime, end: datetime, dice: Random) -> list[datetime]:
    span = round((end - start) / timedelta(milliseconds=1))
    return [start + timedelta(milliseconds=dice.randrange(span)) for _ in range(dice.randint(2, 6))]


def _minutes(least: int, most: int, dice: Random) -> timedelta:
    return timedelta(seconds=dice.randint(least * 60, most * 60))


def _data(event: Event) -> ActivationData:
    if not isinstance(event, RoleActivated):
        raise TypeError(event.type)
    return event.data
