"""Whom an exception or a silence is about, by its words."""

from __future__ import annotations

from services.monitoring.domain.conditions import Condition, Text, leaves
from services.monitoring.domain.configuration import ExceptionRule, Silence

_OF_USERS = frozenset(
    {"data.user_id", "data.requester_id", "data.approver_id", "actorid", "entity.user", "group.user_id"}
)
"""Fields whose value is a user's id."""


def named_in(condition: Condition | None) -> frozenset[str]:
    """Return the users that the condition names, as it writes them."""
    if condition is None:
        return frozenset()
    tests = (one for one in leaves(condition) if one.field in _OF_USERS and isinstance(one.check, Text))
    return frozenset(literal for one in tests if (literal := _literal(one.check)))


def user_of(one: ExceptionRule | Silence, condition: Condition | None) -> str | None:
    """Return the user whom it is about; None if it is about more, or about something else."""
    if isinstance(one, Silence) and one.user_id is not None:
        return one.user_id
    named = named_in(condition)
    return next(iter(named)) if len(named) == 1 else None


def is_about(one: ExceptionRule | Silence, condition: Condition | None, user_id: str) -> bool:
    """Say whether it names the user."""
    if isinstance(one, Silence) and one.user_id == user_id:
        return True
    return user_id.lower() in {name.lower() for name in named_in(condition)}


def _literal(check: object) -> str | None:
    return check.literal if isinstance(check, Text) else None
