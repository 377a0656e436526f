"""Conditions with some of their tests decided: what is left to be tested, and what a condition cannot do without."""

from __future__ import annotations

from collections.abc import Mapping

from services.monitoring.domain.conditions import (
    Condition,
    Every,
    Exists,
    Expression,
    Not,
    Null,
    Number,
    SameAs,
    Some,
    Test,
    Text,
    TimePart,
    leaves,
)

_COSTS: dict[type, int] = {Null: 0, Exists: 1, Number: 2, SameAs: 6, TimePart: 6, Expression: 8}
_WILDCARDS, _ORDINARY, _WHOLE_EVENT = 7, 3, 20


def simplified(condition: Condition, known: Mapping[Test, bool]) -> Condition | bool:
    """Return the condition with the known tests decided: what is left of it, or whether it holds."""
    match condition:
        case Test():
            return known.get(condition, condition)
        case Every(parts):
            left = [simplified(one, known) for one in parts]
            if any(one is False for one in left):
                return False
            rest = tuple(one for one in left if not isinstance(one, bool))
            return True if not rest else rest[0] if len(rest) == 1 else Every(rest)
        case Some(parts):
            left = [simplified(one, known) for one in parts]
            if any(one is True for one in left):
                return True
            rest = tuple(one for one in left if not isinstance(one, bool))
            return False if not rest else rest[0] if len(rest) == 1 else Some(rest)
        case Not(part):
            inner = simplified(part, known)
            return not inner if isinstance(inner, bool) else Not(inner)


def needs(condition: Condition, field: str) -> bool:
    """Say whether the condition cannot hold where none of its tests of the field's value does."""
    none = {test: False for test in leaves(condition) if test.field == field and is_of_value(test)}
    return bool(none) and simplified(condition, none) is False


def is_of_value(test: Test) -> bool:
    """Say whether a value of the field, null aside, is all that the test needs."""
    return not isinstance(test.check, SameAs | Exists | Null)


def cost(condition: Condition) -> int:
    """Return what the condition costs beside others, so that the cheap ones can be asked first."""
    match condition:
        case Test(None):
            return _WHOLE_EVENT
        case Test(_, Text() as check):
            return _ORDINARY if check.literal is not None else _ORDINARY + 1 if len(check.parts) < 4 else _WILDCARDS  # noqa: PLR2004 - wildcards at both ends
        case Test(_, check):
            return _COSTS.get(type(check), _ORDINARY)
        case Every(parts) | Some(parts):
            return sum(map(cost, parts))
        case Not(part):
            return cost(part)
