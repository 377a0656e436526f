"""Which rules an event matches: found by the values that rules cannot do without, such as the type of the event.

For each value of such a field the tests of it are decided once; what is left of the rules is compiled, and for most
values nothing is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.monitoring.domain.checks import any_value
from services.monitoring.domain.compiled import Match, compiled
from services.monitoring.domain.conditions import Condition, Test, Text, leaves
from services.monitoring.domain.layout import Layout
from services.monitoring.domain.simplify import is_of_value, needs, simplified

Found = tuple[int, Any, int]
"""The place of an event in its batch, the event, the rules that it matches."""

_MOST_VALUES = 4096
"""Values of a field that are remembered with what is left of the rules; beyond them every rule is asked."""

_MOST_FUNCTIONS = 256
"""Functions that are compiled for the values of a field; for a value that needs another one, likewise."""


class Matcher:
    """Finds the rules that events match."""

    def __init__(self, conditions: Sequence[Condition], layout: Layout) -> None:
        left = dict(enumerate(conditions))
        self._indexes: list[_Index] = []
        while (field := _most_needed(left)) is not None:
            chosen = {place: one for place, one in left.items() if needs(one, field)}
            self._indexes.append(_Index(field, chosen, layout))
            left = {place: one for place, one in left.items() if place not in chosen}
        self._rest = compiled(left, layout)

    def match(self, event: Any) -> int:  # noqa: ANN401 - an event of the layout
        """Return the rules that the event matches."""
        found = 0 if self._rest is None else self._rest(event)
        for index in self._indexes:
            found |= index.match(event)
        return found

    def scan(self, events: Sequence[Any]) -> list[Found]:
        """Return those of the events that match a rule, in order."""
        if self._rest is None and len(self._indexes) == 1:
            return self._indexes[0].scan(events)
        return [(place, event, found) for place, event in enumerate(events) if (found := self.match(event))]


class _Index:
    """Rules that need one field to have a certain value."""

    def __init__(self, field: str, conditions: Mapping[int, Condition], layout: Layout) -> None:
        self._conditions, self._layout = conditions, layout
        self._tests = _tests(field, conditions)
        self._texts = _by_text(self._tests)
        texts = {place for places in self._texts.values() for place in places}
        checks = [(place, any_value(test.check)) for place, test in enumerate(self._tests)]
        self._checks = [(place, holds) for place, holds in checks if place not in texts]
        self._text_checks = [(place, holds) for place, holds in checks if place in texts]
        self._functions: dict[frozenset[int], Match | None] = {}
        self._of_text: dict[str, Match | None] = {}
        self._read = layout.reader(field)
        self._quick = self._scanner(layout.code(field))
        self._all: Match | None = None

    def match(self, event: Any) -> int:  # noqa: ANN401 - an event of the layout
        """Return the rules that the event matches."""
        function = self._function(self._read(event))
        return 0 if function is None else function(event)

    def scan(self, events: Sequence[Any]) -> list[Found]:
        """Return those of the events that match a rule, in order."""
        try:
            return self._quick(events)
        except TypeError:  # the value of one is a list or an object, which is no key
            return [(place, event, found) for place, event in enumerate(events) if (found := self.match(event))]

    def _scanner(self, code: str) -> Callable[[Sequence[Any]], list[Found]]:
        """Write the loop over events: the field is read in place, as a call would cost as much as the rest."""
        source = (
            "def scan(events):\n"
            "    return [(p, e, found) for p, e in enumerate(events)\n"
            f"        if (match := known({code}, unknown)) is not None and (found := match(e))]\n"
        )
        scope: dict[str, Any] = {}
        names = {**self._layout.names, "known": self._of_text.get, "unknown": self.match}
        exec(source, names, scope)  # noqa: S102 - the code of a layout
        made: Callable[[Sequence[Any]], list[Found]] = scope["scan"]
        return made

    def _function(self, value: Any) -> Match | None:  # noqa: ANN401 - any JSON
        if value.__class__ is not str:
            return self._function_where(self._true(value))
        if value not in self._of_text:
            if len(self._of_text) >= _MOST_VALUES:
                return self._of_all()
            self._of_text[value] = self._function_where(self._true(value))
        return self._of_text[value]

    def _function_where(self, true: frozenset[int]) -> Match | None:
        if true in self._functions:
            return self._functions[true]
        if len(self._functions) >= _MOST_FUNCTIONS:
            return self._of_all()
        known = {test: place in true for place, test in enumerate(self._tests)}
        left = {place: simplified(one, known) for place, one in self._conditions.items()}
        self._functions[true] = compiled(left, self._layout)
        return self._functions[true]

    def _of_all(self) -> Match | None:
        """Return the function of all rules, for a field whose values are too many to be worth remembering."""
        if self._all is None:
            self._all = compiled(self._conditions, self._layout)
        return self._all

    def _true(self, value: Any) -> frozenset[int]:  # noqa: ANN401 - any JSON
        """Return the tests that hold for the value; texts that it may equal are looked up, not compared."""
        found = [place for place, holds in self._checks if holds(value)]
        if value.__class__ is str:
            found += self._texts.get(value.lower(), ())
        else:
            found += [place for place, holds in self._text_checks if holds(value)]
        return frozenset(found)


def _most_needed(conditions: Mapping[int, Condition]) -> str | None:
    """Return the field that most rules need to have a certain value, None if none needs any."""
    counts: dict[str, int] = {}
    for one in conditions.values():
        for field in dict.fromkeys(test.field for test in leaves(one)):
            if field is not None and needs(one, field):
                counts[field] = counts.get(field, 0) + 1
    return max(counts, key=counts.__getitem__, default=None)


def _tests(field: str, conditions: Mapping[int, Condition]) -> tuple[Test, ...]:
    """Return the tests that the field's value alone decides."""
    found = (test for one in conditions.values() for test in leaves(one) if test.field == field)
    return tuple(dict.fromkeys(test for test in found if is_of_value(test)))


def _by_text(tests: Sequence[Test]) -> dict[str, list[int]]:
    """Return the tests that ask for one text without regard to case, by the text."""
    found: dict[str, list[int]] = {}
    for place, test in enumerate(tests):
        match test.check:
            case Text(is_cased=False) as check if check.literal is not None:
                found.setdefault(check.literal.lower(), []).append(place)
    return found
