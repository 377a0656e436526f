"""What people and machines ordinarily do: after this, a day's traffic is a stream that stays below every threshold.

Two habits that fail never share a window of ten minutes: after each of them the person rests for longer than that,
and none by itself holds ten failed sign-ins or five refused pushes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from nuxari_events.access import MfaOutcome, Outcome, SignInFlow
from nuxari_events.envelope import Event

from services.simulator.pen import Pen
from services.simulator.people import Machine, Person

BETWEEN_ACTIVITIES = timedelta(minutes=6)
"""On average, in office hours."""

REST = timedelta(minutes=11)
"""Longer than the window of any counting detection (ten minutes)."""

Habit = Callable[["Doing"], list[Event]]


@dataclass(frozen=True, kw_only=True)
class Doing:
    """One person at one moment, about to do something."""

    person: Person
    pen: Pen
    dice: Random
    at: datetime

    def after(self, seconds: float) -> datetime:
        """Return the time so many seconds later, in whole milliseconds."""
        return self.at + timedelta(milliseconds=round(seconds * 1000))


@dataclass(frozen=True, kw_only=True)
class Absence:
    """A time in which a person does nothing of their own."""

    start: datetime
    end: datetime


def works(doing: Doing) -> list[Event]:
    """An ordinary action, such as reading a document."""
    dice, person = doing.dice, doing.person
    action = dice.choice(("document:Read", "document:Update", "ticket:Create", "ticket:Comment", "report:View"))
    resource = f"{action.partition(':')[0]}-{dice.randint(1, 500)}"
    place = person.place(dice=dice)
    return [doing.pen.action(doing.at, person.user_id, place=place, action=action, resource=resource)]


def opens_an_application(doing: Doing) -> list[Event]:
    """Single sign-on into another application, or the refresh of a token."""
    flow = doing.dice.choice((SignInFlow.SINGLE_SIGN_ON, SignInFlow.REFRESH))
    mfa = True if doing.person.administrative else None
    return [doing.pen.sign_in(doing.at, doing.person, place=doing.person.place(dice=doing.dice), flow=flow, mfa=mfa)]


def signs_in(doing: Doing) -> list[Event]:
    """A password, and a push that is approved where the person uses MFA."""
    return _succeeds(doing, after=doing.dice.uniform(4, 15))


def mistypes(doing: Doing) -> list[Event]:
    """One or two typing errors in the password, then the right one."""
    return _fails_then_succeeds(doing, failures=doing.dice.randint(1, 2), pause=(3, 12))


def suffers_a_password_manager(doing: Doing) -> list[Event]:
    """A program that fills in an old password several times in a few seconds."""
    return _fails_then_succeeds(doing, failures=doing.dice.randint(3, 6), pause=(0.2, 1.5))


def forgets_the_password(doing: Doing) -> list[Event]:
    """Up to nine failures within ten minutes: one less than brute force."""
    return _fails_then_succeeds(doing, failures=doing.dice.randint(6, 9), pause=(15, 60))


def misses_pushes(doing: Doing) -> list[Event]:
    """Up to four pushes that nobody answers, then one that is approved: one less than MFA fatigue."""
    place, seconds, missed = doing.person.place(dice=doing.dice), 0.0, []
    for _ in range(doing.dice.randint(1, 4)):
        seconds += doing.dice.uniform(30, 75)
        outcome = doing.dice.choice((MfaOutcome.TIMED_OUT, MfaOutcome.DENIED))
        missed.append(doing.pen.push(doing.after(seconds), doing.person, place=place, outcome=outcome))
    return [*missed, *_succeeds(doing, after=seconds + 20)]


def _fails_then_succeeds(doing: Doing, *, failures: int, pause: tuple[float, float]) -> list[Event]:
    place, seconds, failed = doing.person.place(dice=doing.dice), 0.0, []
    for _ in range(failures):
        failed.append(doing.pen.sign_in(doing.after(seconds), doing.person, place=place, outcome=Outcome.FAILURE))
        seconds += doing.dice.uniform(*pause)
    return [*failed, *_succeeds(doing, after=seconds + 5)]


def _succeeds(doing: Doing, *, after: float) -> list[Event]:
    place, mfa = doing.person.place(dice=doing.dice), doing.person.uses_mfa
    at = doing.after(after)
    pushed = [doing.pen.push(at, doing.person, place=place, outcome=MfaOutcome.APPROVED)] if mfa else []
    return [*pushed, doing.pen.sign_in(at + timedelta(seconds=1), doing.person, place=place, mfa=mfa)]


CALM: tuple[tuple[Habit, float], ...] = ((works, 70), (opens_an_application, 20), (signs_in, 10))
"""Habits in which nothing goes wrong, with their weights."""

HUMAN: tuple[tuple[Habit, float], ...] = (
    *CALM,
    (mistypes, 5),
    (suffers_a_password_manager, 1.5),
    (forgets_the_password, 0.7),
    (misses_pushes, 1.5),
)
"""The same with what goes wrong."""

_FAILING: frozenset[Habit] = frozenset({mistypes, suffers_a_password_manager, forgets_the_password, misses_pushes})


def day_of(
    person: Person,
    *,
    pen: Pen,
    dice: Random,
    start: datetime,
    end: datetime,
    habits: tuple[tuple[Habit, float], ...] = HUMAN,
    absences: tuple[Absence, ...] = (),
) -> Iterator[Event]:
    """Yield what a person does of their own in `[start, end]`, in order of time, and nothing while absent."""
    at = start
    choices, weights = zip(*habits, strict=True)
    while (at := _next_moment(at, dice)) <= end:
        if not person.is_awake(at, dice=dice):
            continue
        habit: Habit = dice.choices(choices, weights=weights)[0]
        done = habit(Doing(person=person, pen=pen, dice=dice, at=at))
        if _is_free(at, done[-1].time, absences):
            yield from (event for event in done if event.time <= end)
        at = done[-1].time + (REST if habit in _FAILING else timedelta(seconds=1))


def _next_moment(at: datetime, dice: Random) -> datetime:
    return at + timedelta(milliseconds=round(dice.expovariate(1 / BETWEEN_ACTIVITIES.total_seconds()) * 1000))


def _is_free(start: datetime, end: datetime, absences: tuple[Absence, ...]) -> bool:
    return all(end < absence.start or absence.end < start for absence in absences)


def shift_of(machine: Machine, *, pen: Pen, dice: Random, start: datetime, end: datetime) -> Iterator[Event]:
    """Yield what a machine does with its credential in `[start, end]`, in order of time, by day and night."""
    at = start
    while (at := at + machine.period * dice.uniform(0.5, 1.5)) <= end:
        moment = at.replace(microsecond=at.microsecond // 1000 * 1000)
        if dice.random() < 0.5:  # noqa: PLR2004 - half and half
            yield pen.credential_use(
                moment, machine.credential_id, place=machine.place, user_id=machine.user_id, action="inventory:Read"
            )
        else:
            yield pen.action(
                moment,
                machine.user_id,
                place=machine.place,
                action="inventory:Upload",
                resource="inventory",
                credential_id=machine.credential_id,
            )
