"""Which changes of a configuration make detections find less: those take a second person (NUXARI.md, rule 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from services.monitoring.domain.configuration import Configuration, ExceptionRule, Mode, Silence, Surroundings
from services.monitoring.domain.rule_facts import RuleFacts, Stricter
from services.monitoring.domain.working_time import working_minutes

SEVERITIES = ("informational", "low", "medium", "high", "critical")
"""From the least on."""

_MODES = (Mode.OFF, Mode.SHADOW, Mode.LIVE)


@dataclass(frozen=True, kw_only=True)
class Weakening:
    """One way in which less would be found, or told, than before."""

    setting: str
    """`enabled`, `severity`, `threshold`, `window`, `rule`, `exception`, `silence`, `trusted_networks`,
    `vpn_networks`, `mobile_networks` or `working_hours`."""
    reason: str
    rule: str | None = None
    """The id of the rule; None: every rule."""
    about: str | None = None
    """The id of the exception or silence."""


@dataclass(frozen=True)
class Set:
    """A configuration and what there is to know of each rule that it can name, the tenant's own ones too."""

    configuration: Configuration
    rules: Mapping[str, RuleFacts]


def weakenings(before: Set, after: Set) -> tuple[Weakening, ...]:
    """Return each way in which the change makes detections find or tell less; empty for one that does not.

    What cannot be told, such as for another window of a rule that computes a mean, counts as weakening. A rule that
    does not raise, and on which no other rests, cannot be made weaker but by finding nothing at all.
    """
    return (
        *_of_rules(before, after),
        *_of_texts(before, after),
        *_of_surroundings(before.configuration.surroundings, after.configuration.surroundings),
        *_of_kept("exception", before.configuration.exceptions, after.configuration.exceptions),
        *_of_kept("silence", before.configuration.silences, after.configuration.silences),
    )


def _of_rules(before: Set, after: Set) -> Iterator[Weakening]:
    for identity in before.rules.keys() & after.rules.keys():
        old, new = before.configuration.tuning(identity), after.configuration.tuning(identity)
        if _MODES.index(new.mode) < _MODES.index(old.mode):
            yield _weaker(identity, "enabled", f"from {old.mode} to {new.mode}")
        if _counts(before.rules[identity], old.mode) and _counts(after.rules[identity], new.mode):
            yield from _of_numbers(before, after, identity)


def _counts(facts: RuleFacts, mode: Mode) -> bool:
    """Say whether it matters what the rule finds."""
    return mode is not Mode.OFF or facts.is_below


def _of_numbers(before: Set, after: Set, identity: str) -> Iterator[Weakening]:
    """An own rule that says something else is judged as a whole, in `_of_texts`."""
    facts = before.rules[identity]
    severity, threshold, timespan = facts.tuned(before.configuration.tuning(identity))
    severity_after, threshold_after, timespan_after = after.rules[identity].tuned(after.configuration.tuning(identity))
    is_live = before.configuration.tuning(identity).mode is Mode.LIVE
    if is_live and SEVERITIES.index(severity_after) < SEVERITIES.index(severity):
        yield _weaker(identity, "severity", f"from {severity} to {severity_after}")
    if facts.definition != after.rules[identity].definition or not (is_live or facts.is_below):
        return
    if _is_weaker(threshold, threshold_after, facts.stricter_threshold):
        yield _weaker(identity, "threshold", f"from {threshold:g} to {threshold_after:g}")
    if _is_weaker(_seconds(timespan), _seconds(timespan_after), facts.stricter_timespan):
        yield _weaker(identity, "window", f"from {timespan} to {timespan_after}")


def _of_texts(before: Set, after: Set) -> Iterator[Weakening]:
    for identity, facts in before.rules.items():
        if not facts.is_own or before.configuration.tuning(identity).mode is not Mode.LIVE:
            continue
        if identity not in after.rules:
            yield _weaker(identity, "rule", "it is removed, or raises nothing by itself any more")
        elif after.rules[identity].definition != facts.definition:
            yield _weaker(identity, "rule", "it says something else")


def _of_surroundings(before: Surroundings, after: Surroundings) -> Iterator[Weakening]:
    for name in ("trusted_networks", "vpn_networks", "mobile_networks"):
        added = added_networks(getattr(before, name), getattr(after, name))
        if added:
            yield Weakening(setting=name, reason=f"{', '.join(added[:5])} {'are' if len(added) > 1 else 'is'} added")
    if before.time_zone != after.time_zone:
        yield Weakening(setting="working_hours", reason=f"their time zone changes to {after.time_zone}")
    elif working_minutes(after.working_hours) - working_minutes(before.working_hours):
        yield Weakening(setting="working_hours", reason="they are widened")


def _of_kept(
    setting: str, before: tuple[ExceptionRule, ...] | tuple[Silence, ...], after: tuple[ExceptionRule | Silence, ...]
) -> Iterator[Weakening]:
    known: dict[str, ExceptionRule | Silence] = {one.id: one for one in before}
    for one in after:
        old = known.get(one.id)
        if old is None:
            yield Weakening(setting=setting, reason=f"until {one.ends_at.isoformat()}", rule=one.rule, about=one.id)
        elif _covers_more(old, one):
            yield Weakening(setting=setting, reason="it covers more than before", rule=one.rule, about=one.id)


def _covers_more(old: ExceptionRule | Silence, new: ExceptionRule | Silence) -> bool:
    is_longer = new.ends_at > old.ends_at or new.begins_at < old.begins_at
    return is_longer or _subject(old) != _subject(new)


def _subject(one: ExceptionRule | Silence) -> tuple[str | None, ...]:
    return (one.rule, one.filter) if isinstance(one, ExceptionRule) else (one.rule, one.user_id, one.condition)


def added_networks(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """Return the networks that have an address which none of the earlier ones has."""
    known = [*_collapsed(before)]
    return [str(one) for one in _networks(after) if not any(_is_within(one, other) for other in known)]


Network = IPv4Network | IPv6Network


def _networks(texts: Iterable[str]) -> list[Network]:
    return [ip_network(text, strict=False) for text in texts]


def _collapsed(texts: Iterable[str]) -> Iterator[Network]:
    found = _networks(texts)
    yield from collapse_addresses(one for one in found if isinstance(one, IPv4Network))
    yield from collapse_addresses(one for one in found if isinstance(one, IPv6Network))


def _is_within(one: Network, other: Network) -> bool:
    if isinstance(one, IPv4Network):
        return isinstance(other, IPv4Network) and one.subnet_of(other)
    return isinstance(other, IPv6Network) and one.subnet_of(other)


def _is_weaker(before: float | None, after: float | None, stricter: Stricter) -> bool:
    if before is None or after is None or before == after:
        return False
    return stricter is Stricter.UNKNOWN or (after > before) == (stricter is Stricter.LOWER)


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _weaker(rule: str, setting: str, reason: str) -> Weakening:
    return Weakening(setting=setting, reason=reason, rule=rule)
