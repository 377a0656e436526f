"""Which group a match belongs to and which values it brings, read by the names that a correlation has for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

from services.monitoring.domain.fields import Read, scalars, text_of
from services.monitoring.domain.sigma import Bound, Correlation, RuleSet

MOST_GROUPS = 64
"""Groups that one event may belong to, where fields are lists; one with more belongs to none."""

_PLAIN = frozenset({str, int, float, bool})

Key = tuple[str, ...]


class Interest(NamedTuple):
    """What a correlation takes of a rule's matches."""

    correlation: int
    """Its place in the rule set."""
    keys: tuple[Read, ...]
    """The fields that it groups by, as they are called here."""
    values: tuple[Read, ...]
    """The fields of its condition."""
    extras: tuple[Read, ...] = ()
    """The fields of its extensions."""

    def groups(self, fields: Any) -> Sequence[Key]:  # noqa: ANN401 - an event of the readers' layout
        """Return the groups, one for each element of a list.

        None where a field is missing: strangers are never put together.
        """
        found = [read(fields) for read in self.keys]
        if all(value.__class__ is str for value in found):
            return (tuple(found),)
        return tuple(dict.fromkeys(combinations(found)))

    def measured(self, fields: Any) -> Sequence[Key]:  # noqa: ANN401 - an event of the readers' layout
        """Return the values of the condition's fields: one tuple for each combination where they are lists."""
        return combinations([read(fields) for read in self.values]) if self.values else ()

    def extra(self, fields: Any) -> tuple[Any, ...]:  # noqa: ANN401 - an event of the readers' layout
        """Return the first value of each field of the extensions, None where it is missing."""
        return tuple(_first(read(fields)) for read in self.extras) if self.extras else ()


def _first(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if value is None or value.__class__ in _PLAIN:
        return value
    return next((one for one in scalars(value) if isinstance(one, str | int | float | bool)), None)


def combinations(found: Sequence[Any]) -> Sequence[Key]:
    """Return every tuple of one text of each value; none if one is missing, or if they are too many."""
    parts = [list(map(text_of, scalars(value))) for value in found]
    return tuple(product(*parts)) if prod(map(len, parts)) <= MOST_GROUPS else ()


def interests(rules: RuleSet, reader: Callable[[str], Read]) -> dict[str, list[Interest]]:
    """Return who takes which rule's matches, with readers of the events' layout."""
    found: dict[str, list[Interest]] = {}
    for place, rule in enumerate(rules.correlations):
        for reference in dict.fromkeys(rule.references):
            keys = tuple(reader(name) for name in names_of(rule, rule.group_by, reference))
            values = tuple(reader(name) for name in names_of(rule, measured_fields(rule), reference))
            extras = tuple(reader(name) for name in names_of(rule, rule.extra_fields, reference))
            found.setdefault(reference, []).append(Interest(place, keys, values, extras))
    return found


def fields_read(rules: RuleSet) -> frozenset[str]:
    """Return the fields of events that correlations of the set read."""
    return frozenset(
        name
        for rule in rules.correlations
        for reference in rule.references
        if reference in rules.selections
        for name in names_of(rule, (*rule.group_by, *measured_fields(rule), *rule.extra_fields), reference)
    )


def measured_fields(rule: Correlation) -> tuple[str, ...]:
    """Return the fields whose values the rule counts or calculates with."""
    return rule.condition.fields if isinstance(rule.condition, Bound) else ()


def names_of(rule: Correlation, names: Iterable[str], reference: str) -> tuple[str, ...]:
    """Return what the names stand for in the events of a rule; an alias that says nothing of it stands for itself."""
    return tuple(rule.aliases.get(name, {}).get(reference, name) for name in names)
