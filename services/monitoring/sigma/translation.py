"""pysigma's rules to ours: what the engine cannot do is refused here, with words for who wrote the rule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.rule import SigmaRule
from sigma.types import SigmaExpansion

from services.monitoring.domain import conditions as ours
from services.monitoring.domain import sigma
from services.monitoring.sigma.extensions import OF_SELECTIONS, extensions_of
from services.monitoring.sigma.keys import Find
from services.monitoring.sigma.values import NotSupportedError, anchors_of, check, keyword

DEEPEST_CONDITION = 48
"""Conditions in conditions; nobody reads one that goes deeper, and Python would not compile it."""


def selection(rule: SigmaRule, *, identity: str) -> sigma.Selection:
    """Return the rule; several conditions mean that one of them holds.

    Raises:
        NotSupportedError: it uses something that is not done here.
    """
    reading = _Reading(anchors_of(rule))
    conditions = tuple(reading.condition(one.parsed) for one in rule.detection.parsed_condition)
    source = rule.logsource
    return sigma.Selection(
        head=head(rule, identity=identity, level=str(rule.level or "informational"), known=OF_SELECTIONS),
        logsource=sigma.LogSource(category=source.category, product=source.product, service=source.service),
        condition=conditions[0] if len(conditions) == 1 else ours.Some(conditions),
    )


def _no_rules(_: str) -> str | None:
    return None


def head(
    rule: Any,  # noqa: ANN401 - either kind
    *,
    identity: str,
    level: str,
    known: frozenset[str],
    find: Find = _no_rules,
) -> sigma.Head:
    """Return what the rule says about itself."""
    return sigma.Head(
        id=identity,
        name=rule.name,
        title=rule.title or "",
        level=level,
        description=rule.description or "",
        tags=tuple(map(str, rule.tags or ())),
        false_positives=tuple(map(str, rule.falsepositives or ())),
        extensions=extensions_of(rule.custom_attributes, known=known, find=find),
    )


class _Reading:
    """Reads the conditions of one rule."""

    def __init__(self, anchors: dict[int, tuple[bool, bool]]) -> None:
        self._anchors = anchors

    def condition(self, node: object, *, depth: int = 0) -> ours.Condition:
        if depth > DEEPEST_CONDITION:
            raise NotSupportedError(f"a 'condition' goes {DEEPEST_CONDITION} levels deep at most")
        match node:
            case ConditionAND():
                return ours.Every(self._parts(node.args, depth=depth))
            case ConditionOR():
                return ours.Some(self._parts(node.args, depth=depth))
            case ConditionNOT():
                return ours.Not(self.condition(node.args[0], depth=depth + 1))
            case ConditionFieldEqualsValueExpression():
                return self._test(node.field, node.value)
            case ConditionValueExpression():
                return self._test(None, node.value)
            case _:
                raise NotSupportedError(f"a {type(node).__name__} in a 'condition' is not supported")

    def _parts(self, nodes: Iterable[object], *, depth: int) -> tuple[ours.Condition, ...]:
        return tuple(self.condition(one, depth=depth + 1) for one in nodes)

    def _test(self, field: str | None, value: object) -> ours.Condition:
        if isinstance(value, SigmaExpansion):
            return ours.Some(tuple(self._test(field, one) for one in value.values))
        anchors = self._anchors.get(id(value), (False, False))
        if field is None:
            return ours.Test(None, keyword(value))
        try:
            return ours.Test(field, check(value, anchors=anchors))
        except NotSupportedError as error:
            raise NotSupportedError(f"field '{field}': {error}") from None
