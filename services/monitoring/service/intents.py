"""What can be wanted of a configuration: each makes another one of the one that counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from services.monitoring.domain.configuration import (
    UNTUNED,
    Configuration,
    ExceptionRule,
    Silence,
    Surroundings,
    Tuning,
)
from services.monitoring.domain.errors import Refusal
from services.monitoring.domain.validation import Wrong
from services.monitoring.service.configuring import Invalid, Make
from services.monitoring.service.rulebooks import Rulebook

NO_DETECTION = Refusal("not-found", "there is no such detection")


def settings(surroundings: Surroundings, tunings: Mapping[str, Tuning]) -> Make:
    """Set networks, hours and every detection anew, by name; what is not named is as the pack says."""

    def make(current: Configuration, book: Rulebook) -> Configuration | Invalid:
        found = {name: book.find(name) for name in tunings}
        unknown = tuple(Wrong(f"detections.{name[:64]}", "there is none") for name, one in found.items() if one is None)
        if unknown:
            return Invalid(unknown)
        by_id = {one.head.id: tunings[name] for name, one in found.items() if one is not None}
        return replace(current, surroundings=surroundings, tunings=_said(by_id))

    return make


def tune(name: str, tuning: Tuning) -> Make:
    """Set one detection."""

    def make(current: Configuration, book: Rulebook) -> Configuration | Refusal:
        found = book.find(name)
        if found is None:
            return NO_DETECTION
        return replace(current, tunings=_said({**current.tunings, found.head.id: tuning}))

    return make


def except_(exception: ExceptionRule) -> Make:
    """Have a detection not count some events; its `rule` is the name that alerts have for it."""

    def make(current: Configuration, book: Rulebook) -> Configuration | Invalid:
        found = book.find(exception.rule)
        if found is None:
            return Invalid((Wrong("rule", "there is no such detection"),))
        return replace(current, exceptions=(*current.exceptions, replace(exception, rule=found.head.id)))

    return make


def silence(wanted: Silence) -> Make:
    """Have some alerts told to nobody; its `rule` is the name that alerts have for it."""

    def make(current: Configuration, book: Rulebook) -> Configuration | Invalid:
        found = None if wanted.rule is None else book.find(wanted.rule)
        if wanted.rule is not None and found is None:
            return Invalid((Wrong("rule", "there is no such detection"),))
        one = replace(wanted, rule=None if found is None else found.head.id)
        return replace(current, silences=(*current.silences, one))

    return make


def lift_exception(exception_id: str) -> Make:
    """Have a detection count again what an exception says."""

    def make(current: Configuration, _: Rulebook) -> Configuration | Refusal:
        left = tuple(one for one in current.exceptions if one.id != exception_id)
        if len(left) == len(current.exceptions):
            return Refusal("not-found", "there is no such exception, or its time is over")
        return replace(current, exceptions=left)

    return make


def lift_silence(silence_id: str) -> Make:
    """Have alerts told again."""

    def make(current: Configuration, _: Rulebook) -> Configuration | Refusal:
        left = tuple(one for one in current.silences if one.id != silence_id)
        if len(left) == len(current.silences):
            return Refusal("not-found", "there is no such silence, or its time is over")
        return replace(current, silences=left)

    return make


def own_rules(files: Mapping[str, str]) -> Make:
    """Have these files and no others."""
    return lambda current, _: replace(current, own_rules=dict(files))


def own_file(name: str, text: str) -> Make:
    """Have this file, new or instead of the one of that name."""
    return lambda current, _: replace(current, own_rules={**current.own_rules, name: text})


def without_file(name: str) -> Make:
    """Have that file no more."""

    def make(current: Configuration, _: Rulebook) -> Configuration | Refusal:
        if name not in current.own_rules:
            return Refusal("not-found", "there is no such file")
        return replace(current, own_rules={file: text for file, text in current.own_rules.items() if file != name})

    return make


def restore(old: Configuration) -> Make:
    """Have everything as an earlier version had it."""
    return lambda current, _: replace(old, version=current.version)


def _said(tunings: Mapping[str, Tuning]) -> dict[str, Tuning]:
    """Leave out what sets nothing."""
    return {rule: one for rule, one in tunings.items() if one != UNTUNED}
