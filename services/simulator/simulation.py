"""One made-up tenant's whole time: after this, there is a stream to publish and the truth about it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from nuxari_events.envelope import Event
from nuxari_events.identity import AssignmentOrigin
from nuxari_events.roles import Role

from services.simulator import habits, lookalikes, privileged
from services.simulator.attacks import attack
from services.simulator.habits import Absence
from services.simulator.pen import Pen
from services.simulator.people import Cast, Person, cast
from services.simulator.scenario import LONGEST_ATTACK, SETTLING, Scenario
from services.simulator.stage import Stage
from services.simulator.stream import in_arrival_order
from services.simulator.truth import Attack

AROUND_A_STORY = timedelta(minutes=45)
"""A person with a story does nothing else so long before and after it: longer than any window that could join both."""

_ROLES = (Role.CLIENT_SECURITY_ADMIN, Role.CLIENT_ADMIN)


@dataclass(frozen=True, kw_only=True)
class _Tale:
    """What one person goes through besides their ordinary day."""

    person: Person
    events: tuple[Event, ...]
    is_the_end: bool = False
    """Whether nothing of the person's own follows."""

    def absence(self, scenario: Scenario) -> Absence:
        times = [event.time for event in self.events]
        back = scenario.end if self.is_the_end else max(times) + AROUND_A_STORY
        return Absence(start=min(times) - AROUND_A_STORY, end=back)


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A scenario with its people and attacks; `events` can be read any number of times and is the same each time."""

    scenario: Scenario
    cast: Cast
    attacks: tuple[Attack, ...]

    def events(self) -> Iterator[Event]:
        """Yield every event in the order in which it arrives, late ones and duplicates included."""
        return in_arrival_order(self.in_order_of_time(), dice=self.scenario.dice("arrival"))

    def in_order_of_time(self) -> Iterator[Event]:
        """Yield every event once, in the order in which it happened."""
        return heapq.merge(*_streams(self), key=lambda event: (event.time, event.id))


def simulation(scenario: Scenario) -> Simulation:
    """Return the simulation of a scenario: a pure function of it."""
    people = cast(scenario)
    attacks = tuple(
        attack(number, stage=_stage(scenario, victim, "attack")) for number, victim in enumerate(people.victims)
    )
    return Simulation(scenario=scenario, cast=people, attacks=attacks)


def _pen(scenario: Scenario, *actor: str) -> Pen:
    return Pen(scenario.tenant_id, actor="/".join(actor))


def _stage(scenario: Scenario, person: Person, what: str) -> Stage:
    dice = scenario.dice(what, person.user_id)
    room = scenario.duration - SETTLING - LONGEST_ATTACK
    at = scenario.start + SETTLING + timedelta(milliseconds=dice.randrange(round(room / timedelta(milliseconds=1))))
    return Stage(person=person, at=at, pen=_pen(scenario, person.user_id, what), dice=dice)


def _streams(simulation: Simulation) -> Iterator[Iterable[Event]]:
    scenario, people = simulation.scenario, simulation.cast
    tales = tuple(_tales(simulation))
    yield _in_order(_directory(scenario, people))
    yield from (_in_order(tale.events) for tale in tales)
    yield from _days(scenario, people, tales)
    yield from (_shifts(scenario, person, number) for number, person in enumerate(people.staff))
    for person in people.operators:
        yield _operations(scenario, person)
    for machine in people.machines:
        pen, dice = _pen(scenario, machine.user_id), scenario.dice(machine.user_id)
        yield habits.shift_of(machine, pen=pen, dice=dice, start=scenario.start, end=scenario.end)


def _in_order(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (event.time, event.id))


def _directory(scenario: Scenario, people: Cast) -> Iterator[Event]:
    """What is known of the tenant when the span begins."""
    pen, at = _pen(scenario, "directory"), scenario.start
    yield from (pen.user_activated(at, person) for person in people.everyone)
    assigned = partial(pen.role_assigned, at)
    yield assigned(people.owner.user_id, role=Role.CLIENT_OWNER, origin=AssignmentOrigin.BOOTSTRAP)
    for person in people.operators:
        yield assigned(person.user_id, role=Role.GOVERNANCE_OPERATOR, origin=AssignmentOrigin.DIRECT)
    for machine in people.machines:
        yield pen.credential(at, machine.credential_id, owner_id=machine.owner_id)


def _tales(simulation: Simulation) -> Iterator[_Tale]:
    scenario, people = simulation.scenario, simulation.cast
    for one, victim in zip(simulation.attacks, people.victims, strict=True):
        over = one.kind == "disabled_identity"
        yield _Tale(person=victim, events=(*one.circumstances, *one.events), is_the_end=over)
    for story, person in zip(lookalikes.LOOKALIKES, people.lookalikes, strict=True):
        yield _Tale(person=person, events=tuple(story(_stage(scenario, person, "lookalike"))))
    for person in people.leavers:
        stage = _stage(scenario, person, "leaver")
        yield _Tale(person=person, events=(stage.pen.user_deactivated(stage.at, person),), is_the_end=True)


def _days(scenario: Scenario, people: Cast, tales: tuple[_Tale, ...]) -> Iterator[Iterator[Event]]:
    absences = {tale.person.user_id: (tale.absence(scenario),) for tale in tales}
    for person in people.everyone:
        away = absences.get(person.user_id, ())
        yield habits.day_of(
            person,
            pen=_pen(scenario, person.user_id, "day"),
            dice=scenario.dice("day", person.user_id),
            start=scenario.start,
            end=scenario.end,
            habits=habits.CALM if away else habits.HUMAN,
            absences=away,
        )


def _shifts(scenario: Scenario, person: Person, number: int) -> Iterator[Event]:
    return privileged.shifts_of(
        person,
        role=_ROLES[number % len(_ROLES)],
        pen=_pen(scenario, person.user_id, "shift"),
        dice=scenario.dice("shift", person.user_id),
        span=(scenario.start, scenario.end),
    )


def _operations(scenario: Scenario, person: Person) -> Iterator[Event]:
    """What the holder of a standing role does in it, without any activation."""
    pen, dice, at = _pen(scenario, person.user_id, "operations"), scenario.dice("operations", person.user_id), None
    for at in _every(scenario, minutes=12):
        moment: datetime = at + timedelta(seconds=dice.randint(0, 600))
        if moment <= scenario.end:
            yield privileged.acts(pen, person, role=Role.GOVERNANCE_OPERATOR, at=moment, dice=dice)


def _every(scenario: Scenario, *, minutes: int) -> Iterator[datetime]:
    at = scenario.start + timedelta(minutes=1)
    while at <= scenario.end:
        yield at
        at += timedelta(minutes=minutes)
