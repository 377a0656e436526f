"""pysigma's values to our checks: the end of every modifier."""

from __future__ import annotations

from collections.abc import Iterator

import re2
from sigma.modifiers import SigmaEndswithModifier, SigmaRegularExpressionModifier, SigmaStartswithModifier
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaRule
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
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

_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}

_COMPARISONS = frozenset({"lt", "lte", "gt", "gte"})


class NotSupportedError(Exception):
    """The rule is good Sigma, and asks for something that this engine does not do."""


def check(value: object, *, anchors: tuple[bool, bool] = (False, False)) -> ours.Check:  # noqa: C901, PLR0911 - one line for each type
    """Return the check of a field's value; a regular expression may be bound to the beginning and the end.

    Raises:
        NotSupportedError: there is no such check.
    """
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
        case SigmaCompareExpression() if value.op.name.lower() in _COMPARISONS:
            return ours.Comparison(value.op.name.lower(), value.number.number)
        case SigmaCIDRExpression():
            return ours.Network(value.network)
        case SigmaRegularExpression():
            return _expression(value, anchors=anchors)
        case SigmaFieldReference():
            return _same_as(value)
        case _:
            raise NotSupportedError(f"a {type(value).__name__} is not supported")


def keyword(value: object) -> ours.Check:
    """Return the check of a keyword: text that occurs in any value of the event, with or without wildcards.

    Raises:
        NotSupportedError: it makes sense of a field only.
    """
    match value:
        case SigmaString():
            text = _text(value)
            return ours.Text(_around(text.parts), is_cased=text.is_cased)
        case SigmaTimestampPart() | SigmaNull() | SigmaExists() | SigmaFieldReference():
            raise NotSupportedError(f"a keyword is a text to search for, no {type(value).__name__}: name a field")
        case SigmaNumber() | SigmaBool():
            return ours.Text((None, str(value).lower(), None))
        case _:
            return check(value)


def anchors_of(rule: SigmaRule) -> dict[int, tuple[bool, bool]]:
    """Return which regular expressions of the rule have to be at the beginning or the end, by their identity.

    pysigma only takes wildcards off the other end, as its backends match the whole of a field; ours search in it.
    """
    found: dict[int, tuple[bool, bool]] = {}
    for item in _items(rule.detection.detections.values()):
        if SigmaRegularExpressionModifier in item.modifiers:
            anchors = SigmaStartswithModifier in item.modifiers, SigmaEndswithModifier in item.modifiers
            found |= {id(value): anchors for value in item.value}
    return found


def _items(detections: object) -> Iterator[SigmaDetectionItem]:
    for one in detections:  # type: ignore[attr-defined]
        if isinstance(one, SigmaDetection):
            yield from _items(one.detection_items)
        else:
            yield one


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
                raise NotSupportedError(f"the placeholder '%{part.name}%' has no value here")
    return ours.Text(_simple(parts), is_cased=isinstance(value, SigmaCasedString))


def _simple(parts: list[str | bool | None]) -> tuple[str | bool | None, ...]:
    """Return the parts with literal ones joined, as escapes part them, and one wildcard where several stand."""
    found: list[str | bool | None] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        elif part != "" and not (part is None and found and found[-1] is None):
            found.append(part)
    return tuple(found)


def _around(parts: tuple[str | bool | None, ...]) -> tuple[str | bool | None, ...]:
    return tuple(_simple([None, *parts, None]))


def _same_as(value: SigmaFieldReference) -> ours.SameAs:
    if value.starts_with and value.ends_with:
        return ours.SameAs(value.field, "contains")
    return ours.SameAs(value.field, "begins" if value.starts_with else "ends" if value.ends_with else "equals")


def _source(value: SigmaRegularExpression) -> object:
    source: object = value.regexp
    if isinstance(source, SigmaString):
        if value.contains_placeholder():
            raise NotSupportedError("a placeholder in a regular expression has no value here")
    elif not isinstance(source, int | float) or isinstance(source, bool):  # what pysigma lets pass
        raise NotSupportedError("a regular expression is a text to match")
    return source


def _expression(value: SigmaRegularExpression, *, anchors: tuple[bool, bool]) -> ours.Expression:
    """Compile it with google-re2, which takes linear time: a rule of somebody else's cannot stop the engine."""
    source = str(_source(value))
    if any(anchors):
        source = ("\\A" if anchors[0] else "") + f"(?:{source})" + ("\\z" if anchors[1] else "")
    flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
    options = re2.Options()
    options.log_errors = False
    try:
        flagged = f"(?{flags}){source}" if flags else source
        return ours.Expression(re2.compile(flagged, options), flagged)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise NotSupportedError(f"the regular expression '{source}' is not supported: {reason}") from None
