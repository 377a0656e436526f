"""pysigma's objects to ours: what the engine cannot do is refused here, with words for who wrote the rule."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import re2
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionNOT,
    CorrelationConditionOR,
    SigmaCorrelationCondition,
    SigmaCorrelationRule,
    SigmaCorrelationTimespan,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)
from sigma.rule import SigmaRule
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from services.monitoring.domain import conditions as ours
from services.monitoring.domain import sigma

LONGEST_TIMESPAN = timedelta(days=32)
"""What the state of a window may cost; longer memories are baselines."""

_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}
_SPANS = frozenset({"gap", "quiet"})
"""Extensions that are spans of time, written as Sigma writes them."""

_COMPARISONS = frozenset({"lt", "lte", "gt", "gte"})


class NotSupportedError(Exception):
    """The rule is good Sigma, and asks for something that this engine does not do."""


def selection(rule: SigmaRule) -> sigma.Selection:
    """Return the rule; several conditions mean that one of them holds.

    Raises:
        NotSupportedError: it uses something that is not done here.
    """
    conditions = tuple(_condition(one.parsed) for one in rule.detection.parsed_condition)
    source = rule.logsource
    return sigma.Selection(
        head=head(rule),
        logsource=sigma.LogSource(category=source.category, product=source.product, service=source.service),
        condition=conditions[0] if len(conditions) == 1 else ours.Some(conditions),
    )


def correlation(rule: SigmaCorrelationRule) -> sigma.Correlation:
    """Return the correlation rule.

    Raises:
        NotSupportedError: it uses something that is not done here.
    """
    timespan = timedelta(seconds=rule.timespan.seconds)
    if timespan > LONGEST_TIMESPAN:
        raise NotSupportedError(f"a 'timespan' is {LONGEST_TIMESPAN.days}d at most")
    extensions = _extensions(rule)
    return sigma.Correlation(
        head=head(rule),
        kind=sigma.Kind(rule.type.name.lower()),
        references=tuple(identity(reference.rule) for reference in rule.referenced_rules),
        group_by=tuple(rule.group_by or ()),
        aliases={
            alias.alias: {identity(reference.rule): field for reference, field in alias.mapping.items()}
            for alias in rule.aliases
        },
        timespan=timespan,
        condition=_bound(rule),
        generate=rule.generate,
        window=sigma.WindowKind(extensions.get("window", "sliding")),
        gap=extensions.get("gap"),
    )


def identity(rule: SigmaRule | SigmaCorrelationRule) -> str:
    """Return what a rule is known by."""
    return str(rule.id or rule.name or rule.title)


def head(rule: SigmaRule | SigmaCorrelationRule) -> sigma.Head:
    """Return what the rule says about itself."""
    return sigma.Head(
        id=identity(rule),
        name=rule.name,
        title=rule.title or "",
        level=str(rule.level or "informational"),
        description=rule.description or "",
        tags=tuple(map(str, rule.tags or ())),
        false_positives=tuple(rule.falsepositives or ()),
        extensions=_extensions(rule),
    )


def _extensions(rule: SigmaRule | SigmaCorrelationRule) -> dict[str, Any]:
    found = (rule.custom_attributes or {}).get("nuxari", {})
    if not isinstance(found, dict):
        raise NotSupportedError("'nuxari' holds a mapping of extensions")
    return {name: _span(value) if name in _SPANS else value for name, value in found.items()}


def _span(text: object) -> timedelta:
    return timedelta(seconds=SigmaCorrelationTimespan(str(text)).seconds)


def _bound(rule: SigmaCorrelationRule) -> sigma.Bound | sigma.Happened:
    condition = rule.condition
    if isinstance(condition, SigmaExtendedCorrelationCondition):
        ids = {reference.reference: identity(reference.rule) for reference in rule.referenced_rules}
        return _happened(condition.parsed, ids)
    assert isinstance(condition, SigmaCorrelationCondition)  # noqa: S101 - for the type
    fields = condition.fieldref or ()
    return sigma.Bound(
        operator=condition.op.name.lower(),
        number=condition.count,
        fields=(fields,) if isinstance(fields, str) else tuple(fields),
        percentile=condition.percentile,
    )


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


def _condition(node: object) -> ours.Condition:
    match node:
        case ConditionAND():
            return ours.Every(tuple(map(_condition, node.args)))
        case ConditionOR():
            return ours.Some(tuple(map(_condition, node.args)))
        case ConditionNOT():
            return ours.Not(_condition(node.args[0]))
        case ConditionFieldEqualsValueExpression():
            return _test(node.field, node.value)
        case ConditionValueExpression():
            return _test(None, node.value)
        case _:
            raise NotSupportedError(f"a {type(node).__name__} in a 'condition' is not supported")


def _test(field: str | None, value: object) -> ours.Condition:
    if isinstance(value, SigmaExpansion):
        return ours.Some(tuple(_test(field, one) for one in value.values))
    if isinstance(value, SigmaCompareExpression) and value.op.name.lower() not in _COMPARISONS:
        return ours.Not(ours.Test(field, ours.Number(value.number.number)))
    return ours.Test(field, _check(value))


def _check(value: object) -> ours.Check:  # noqa: C901, PLR0911 - one line for each type
    match value:
        case SigmaString():
            return _text(value)
        case SigmaTimestampPart():
            return ours.TimePart(value.timestamp_part.name.lower(), int(value.number))
        case SigmaNumber():
            return ours.Number(value.number)
        case SigmaBool():
            return ours.Flag(value.boolean)
        case SigmaNull():
            return ours.Null()
        case SigmaExists():
            return ours.Exists(value.exists)
        case SigmaCompareExpression():
            return ours.Comparison(value.op.name.lower(), value.number.number)
        case SigmaCIDRExpression():
            return ours.Network(value.network)
        case SigmaRegularExpression():
            return _expression(value)
        case SigmaFieldReference():
            return ours.SameAs(value.field, begins=value.starts_with, ends=value.ends_with)
        case _:
            raise NotSupportedError(f"a {type(value).__name__} is not supported")


def _text(value: SigmaString) -> ours.Text:
    parts: list[str | bool | None] = []
    for part in value.s:
        match part:
            case str():
                parts.append(part)
            case SpecialChars.WILDCARD_MULTI:
                parts.append(None)
            case SpecialChars.WILDCARD_SINGLE:
                parts.append(False)
            case _:
                raise NotSupportedError(f"the placeholder '{part}' has no value here")
    return ours.Text(tuple(parts), is_cased=isinstance(value, SigmaCasedString))


def _expression(value: SigmaRegularExpression) -> ours.Expression:
    """Compile it with google-re2, which takes linear time: a rule of somebody else's cannot stop the engine."""
    source = str(value.regexp)
    flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
    options = re2.Options()
    options.log_errors = False
    try:
        return ours.Expression(re2.compile(f"(?{flags}){source}" if flags else source, options), source)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise NotSupportedError(f"the regular expression '{source}' is not supported: {reason}") from None
