"""Every fault of a configuration that somebody wants: of its settings, of its exceptions and of what these name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from services.monitoring.domain.configuration import Configuration, ExceptionRule, Silence
from services.monitoring.domain.effective import tuned
from services.monitoring.domain.validation import (
    MOST_EXCEPTIONS,
    MOST_SILENCES,
    Wrong,
    wrong_surroundings,
    wrong_time,
    wrong_tunings,
)
from services.monitoring.service.rulebooks import Rulebook
from services.monitoring.sigma.filters import excepted, silenced
from services.monitoring.sigma.fitting import fitting
from services.monitoring.sigma.keys import ExtensionError
from services.monitoring.sigma.loading import RulesError


def wrong(wanted: Configuration, before: Configuration, book: Rulebook, *, at: datetime) -> Iterator[Wrong]:
    """Yield what is wrong; an exception or silence that counts already is not judged anew."""
    yield from wrong_surroundings(wanted.surroundings)
    tunings = {rule: one for rule, one in wanted.tunings.items() if before.tunings.get(rule) != one}
    faults = list(wrong_tunings(tunings, book.facts))
    yield from faults or _wrong_for_extensions(wanted, book)
    if len(wanted.exceptions) > MOST_EXCEPTIONS:
        yield Wrong("exceptions", f"there are {MOST_EXCEPTIONS} at most")
    if len(wanted.silences) > MOST_SILENCES:
        yield Wrong("silences", f"there are {MOST_SILENCES} at most")
    for exception in wanted.exceptions:
        if exception not in before.exceptions:
            yield from _wrong_exception(exception, book, at=at)
    for silence in wanted.silences:
        if silence not in before.silences:
            yield from _wrong_silence(silence, book, at=at)


def _wrong_for_extensions(wanted: Configuration, book: Rulebook) -> Iterator[Wrong]:
    """Yield each window in which what a rule asks for can never be."""
    for identity, tuning in wanted.tunings.items():
        facts = book.facts.get(identity)
        if facts is not None and facts.correlation is not None and tuning.timespan is not None:
            try:
                fitting(tuned(facts.correlation, tuning))
            except ExtensionError as error:
                yield Wrong(f"detections.{facts.name}.timespan_seconds", str(error))


def _wrong_exception(one: ExceptionRule, book: Rulebook, *, at: datetime) -> Iterator[Wrong]:
    yield from wrong_time(one, at=at)
    if one.rule not in book.facts:
        yield Wrong("rule", "there is no such detection")
    try:
        excepted(one.filter)
    except RulesError as error:
        yield from (Wrong(f"filter:{fault.line}", fault.reason) for fault in error.faults)


def _wrong_silence(one: Silence, book: Rulebook, *, at: datetime) -> Iterator[Wrong]:
    yield from wrong_time(one, at=at)
    if one.rule is None and one.user_id is None and one.condition is None:
        yield Wrong("rule", "a silence is about a rule, a user or a condition: one about everything is none")
    if one.rule is not None and one.rule not in book.facts:
        yield Wrong("rule", "there is no such detection")
    if one.condition is not None:
        try:
            silenced(one.condition)
        except RulesError as error:
            yield from (Wrong(f"condition:{fault.line}", fault.reason) for fault in error.faults)
