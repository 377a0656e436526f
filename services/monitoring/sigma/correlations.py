"""pysigma's correlation rules to ours; see `translation` for rules of single events."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionNOT,
    CorrelationConditionOR,
    SigmaCorrelationCondition,
    SigmaCorrelationRule,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)
from sigma.rule import SigmaRule

from services.monitoring.domain import sigma
from services.monitoring.domain.absence import ways
from services.monitoring.domain.extensions import Extension
from services.monitoring.sigma.extensions import OF_CORRELATIONS
from services.monitoring.sigma.fitting import fitting
from services.monitoring.sigma.kinds import KINDS
from services.monitoring.sigma.translation import head
from services.monitoring.sigma.values import NotSupportedError

Rule = SigmaRule | SigmaCorrelationRule


class Names(Protocol):
    """What rules are known by in their set."""

    def of(self, rule: Rule) -> str:
        """Return the rule's id in the set."""

    def find(self, reference: str) -> str | None:
        """Return the id of the rule that goes by the UUID or the name; None if there is none."""


_LEVELS = ("informational", "low", "medium", "high", "critical")


def correlation(rule: SigmaCorrelationRule, *, names: Names, longest: timedelta | None) -> sigma.Correlation:
    """Return the correlation rule; without a level it has the highest of the rules that it correlates.

    Raises:
        NotSupportedError: it uses something that is not done here, or a longer timespan than is allowed.
        ExtensionError: what it says under `nuxari` does not go with the rest of it.
    """
    timespan = timedelta(seconds=rule.timespan.seconds)
    if longest is not None and timespan > longest:
        raise NotSupportedError(f"a 'timespan' is {longest.days}d at most")
    about = head(rule, identity=names.of(rule), level=level_of(rule), known=OF_CORRELATIONS, find=names.find)
    found = sigma.Correlation(
        head=about,
        kind=sigma.Kind(rule.type.name.lower()),
        references=tuple(names.of(reference.rule) for reference in rule.referenced_rules),
        group_by=tuple(rule.group_by or ()),
        aliases=_aliases(rule, names),
        timespan=timespan,
        condition=_condition(rule, names),
        generate=rule.generate,
        window=about.extensions.get("window", sigma.WindowKind.SLIDING),
        gap=about.extensions.get("gap"),
        pause=about.extensions.get("quiet"),
        extension=_extension(about),
        also=about.extensions.get("also", ()),
    )
    return fitting(found)


def _extension(about: sigma.Head) -> Extension | None:
    return next((value for key, value in about.extensions.items() if key in KINDS), None)


def level_of(rule: Rule) -> str:
    """Return the rule's level, of a correlation without one the highest below it."""
    if rule.level is not None or isinstance(rule, SigmaRule):
        return str(rule.level or _LEVELS[0])
    return max((level_of(one.rule) for one in rule.referenced_rules), key=_LEVELS.index, default=_LEVELS[0])


def _aliases(rule: SigmaCorrelationRule, names: Names) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for alias in rule.aliases:
        for reference, field in alias.mapping.items():
            identity = names.find(str(reference.reference))
            if identity is None:
                raise NotSupportedError(f"the alias '{alias.alias}' is for '{reference.reference}', which is no rule")
            found.setdefault(alias.alias, {})[identity] = str(field)
    return found


def _condition(rule: SigmaCorrelationRule, names: Names) -> sigma.Bound | sigma.Happened:
    condition = rule.condition
    if isinstance(condition, SigmaExtendedCorrelationCondition):
        ids = {reference.reference: names.of(reference.rule) for reference in rule.referenced_rules}
        return _extended(condition, ids)
    assert isinstance(condition, SigmaCorrelationCondition)  # noqa: S101 - for the type
    if not rule.referenced_rules:
        raise NotSupportedError("'rules' is empty")
    return sigma.Bound(
        operator=condition.op.name.lower(),
        number=_number(rule, condition),
        fields=_fields(condition),
        percentile=_percentile(rule, condition),
    )


def _number(rule: SigmaCorrelationRule, condition: SigmaCorrelationCondition) -> int | float:
    """Return the bound; all rules of a `temporal` one are no more than there are different ones."""
    is_all = condition.op.name == "GTE" and condition.count == len(rule.referenced_rules)
    if rule.type.name == "TEMPORAL" and is_all:
        return len({id(reference.rule) for reference in rule.referenced_rules})
    return condition.count


def _fields(condition: SigmaCorrelationCondition) -> tuple[str, ...]:
    fields = condition.fieldref
    found = (fields,) if isinstance(fields, str) else tuple(fields or ())
    if not all(isinstance(one, str) for one in found):
        raise NotSupportedError("the 'field' of a condition is a name or a list of names")
    return found


def _percentile(rule: SigmaCorrelationRule, condition: SigmaCorrelationCondition) -> int | None:
    percentile = condition.percentile
    if rule.type.name != "VALUE_PERCENTILE":
        return None
    if percentile is None:
        raise NotSupportedError("a 'value_percentile' needs a 'percentile' in its 'condition'")
    if not 0 <= percentile <= 100:  # noqa: PLR2004 - per cent
        raise NotSupportedError(f"a 'percentile' is from 0 to 100, not '{percentile}'")
    return percentile


def _extended(condition: SigmaExtendedCorrelationCondition, ids: dict[str, str]) -> sigma.Happened:
    happened = _happened(condition.parsed, ids)
    try:
        ways(happened)
    except ValueError as error:
        raise NotSupportedError(str(error)) from None
    return happened


def _happened(node: object, ids: dict[str, str]) -> sigma.Happened:
    match node:
        case SigmaRuleReference():
            return sigma.Reference(ids[node.reference])
        case CorrelationConditionAND():
            return sigma.All(tuple(_happened(one, ids) for one in node.args))
        case CorrelationConditionOR():
            return sigma.Any_(tuple(_happened(one, ids) for one in node.args))
        case CorrelationConditionNOT():
            return sigma.Never(_happened(node.args[0], ids))
        case _:
            raise NotSupportedError(f"a {type(node).__name__} in a correlation's 'condition' is not supported")
