"""What exceptions and silences are about, in Sigma's words: selections and a condition without a rule around them."""

from __future__ import annotations

from services.monitoring.domain.conditions import Condition, Every, Expression, Not, Some, fields_of, leaves
from services.monitoring.domain.configuration import ExceptionRule, Silence
from services.monitoring.domain.silencing import ALERT_FIELDS, ALERT_ROOTS
from services.monitoring.sigma.known_fields import unknown
from services.monitoring.sigma.loading import RulesError, load
from services.monitoring.sigma.own_rules import LONGEST_EXPRESSION, MOST_EXPRESSIONS, MOST_TESTS
from services.monitoring.sigma.reading import Fault

LONGEST = 4096
"""Characters; what is longer excepts more than a person can oversee."""

_FILE = "filter"
_BEFORE = "title: filter\nlogsource: {product: nuxari}\ndetection:\n"


def excepted(text: str) -> Condition:
    """Return which events are not counted, by a Sigma filter's selections and condition.

    As in Sigma, the condition says what still counts: `not selection`. One that does not begin so is refused, because
    it would switch off the rule for everything but what it names.

    Raises:
        RulesError: with every fault; lines are those of the text.
    """
    found = _loaded(text)
    match found:
        case Not(part):
            what = part
        case Every(parts) if all(isinstance(one, Not) for one in parts):
            what = Some(tuple(one.of for one in parts if isinstance(one, Not)))
        case _:
            raise RulesError([_fault(text, "the 'condition' of a filter says what still counts: 'not selection'")])
    never = unknown(fields_of(what))
    if never:
        raise RulesError([Fault(_FILE, _line(text, name), f"no event has the field '{name}'") for name in never])
    return what


def silenced(text: str) -> Condition:
    """Return which alerts a silence is about, by selections and a condition on what alerts say.

    Raises:
        RulesError: with every fault; lines are those of the text.
    """
    found = _loaded(text)
    never = sorted(one for one in fields_of(found) if one is not None and not _is_of_alerts(one))
    if never:
        raise RulesError([Fault(_FILE, _line(text, name), f"no alert has the field '{name}'") for name in never])
    return found


def _is_of_alerts(name: str) -> bool:
    return name in ALERT_FIELDS or name.startswith(ALERT_ROOTS)


def _loaded(text: str) -> Condition:
    """Load it as the detection of a rule; indented, nothing of the text can be anything else."""
    if len(text) > LONGEST:
        raise RulesError([Fault(_FILE, 1, f"a filter has {LONGEST} characters at most")])
    lines = text.splitlines()
    try:
        rules = load({_FILE: _BEFORE + "\n".join(f"  {line}" for line in lines) + "\n"})
    except RulesError as error:
        before = _BEFORE.count("\n")
        raise RulesError(
            Fault(one.file, min(max(1, one.line - before), len(lines) or 1), one.reason) for one in error.faults
        ) from None
    (rule,) = rules.selections.values()
    _refuse_costly(text, rule.condition)
    return rule.condition


def _refuse_costly(text: str, condition: Condition) -> None:
    tests = list(leaves(condition))
    expressions = [one.check for one in tests if isinstance(one.check, Expression)]
    if any(one.field is None for one in tests):
        raise RulesError([_fault(text, "a filter names fields: a text is not looked for in whole events")])
    is_long = any(len(one.source) > LONGEST_EXPRESSION for one in expressions)
    if len(tests) > MOST_TESTS or len(expressions) > MOST_EXPRESSIONS or is_long:
        raise RulesError([_fault(text, f"a filter has {MOST_TESTS} tests and {MOST_EXPRESSIONS} expressions at most")])


def _fault(text: str, reason: str) -> Fault:
    return Fault(_FILE, _line(text, "condition"), reason)


def _line(text: str, name: str) -> int:
    found = (place for place, line in enumerate(text.splitlines(), 1) if line.strip(" -").startswith(name))
    return next(found, 1)


def condition_of(one: ExceptionRule | Silence) -> Condition | None:
    """Return what the exception or silence is about; None where it says nothing, or nothing that can be read."""
    text = one.filter if isinstance(one, ExceptionRule) else one.condition
    try:
        return None if text is None else (excepted if isinstance(one, ExceptionRule) else silenced)(text)
    except RulesError:
        return None
