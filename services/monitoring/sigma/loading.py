"""Rule files to a rule set: all of it, or every reason why not, each with its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.rule import SigmaRule
from typing_extensions import override

from services.monitoring.domain import sigma
from services.monitoring.sigma import translation
from services.monitoring.sigma.lines import Document
from services.monitoring.sigma.translation import NotSupportedError

LARGEST_FILE = 1024 * 1024
"""Bytes; a rule is a page."""


@dataclass(frozen=True, order=True)
class Fault:
    """One reason why a file cannot be loaded."""

    file: str
    line: int
    reason: str

    @override
    def __str__(self) -> str:
        """Return it as compilers do: `file:line: reason`."""
        return f"{self.file}:{self.line}: {self.reason}"


class RulesError(Exception):
    """The rules cannot be loaded; nothing of them was."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("; ".join(map(str, self.faults)))


_Parsed = SigmaRule | SigmaCorrelationRule | SigmaFilter


@dataclass(frozen=True)
class _Read:
    """A document of a file and the rule that it holds."""

    file: str
    document: Document
    rule: _Parsed

    def fault(self, error: Exception) -> Fault:
        return Fault(self.file, self.document.line_of(error), str(error).split(" in file")[0])


def load(files: Mapping[str, str]) -> sigma.RuleSet:
    """Return the rules of the files, by their names; one file may hold several documents, and refer to another's.

    Raises:
        RulesError: with every fault that was found.
    """
    read: list[_Read] = []
    faults: list[Fault] = []
    for name, text in files.items():
        found = list(_documents(name, text))
        faults += [one for one in found if isinstance(one, Fault)]
        read += [one for one in found if isinstance(one, _Read)]
    if not faults:
        faults += _same_names(read)
    if faults:
        raise RulesError(faults)
    return _resolved(read)


def _documents(name: str, text: str) -> Iterator[_Read | Fault]:
    if len(text.encode()) > LARGEST_FILE:
        yield Fault(name, 1, f"a file has {LARGEST_FILE} bytes at most")
        return
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
        contents = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        yield Fault(name, mark.line + 1 if mark else 1, f"no YAML: {getattr(error, 'problem', None) or error}")
        return
    for node, content in zip(nodes, contents, strict=True):
        if content is not None:
            yield from _rule(name, Document(node), content)


def _rule(name: str, document: Document, content: object) -> Iterator[_Read | Fault]:
    if not isinstance(content, dict):
        yield Fault(name, document.line, "a rule is a mapping")
        return
    if "action" in content:
        yield Fault(name, document.line_of_key("action"), "'action' belongs to an older Sigma: write each rule out")
        return
    try:
        rule = _parsed(content)
    except (SigmaError, TypeError, ValueError, AttributeError, KeyError, RecursionError) as error:
        yield Fault(name, document.line_of(error), str(error) or type(error).__name__)
        return
    if rule.errors:
        for reason in rule.errors:
            yield _Read(name, document, rule).fault(reason)
    else:
        yield _Read(name, document, rule)


def _parsed(content: dict[str, Any]) -> _Parsed:
    if "correlation" in content:
        return SigmaCorrelationRule.from_dict(content, collect_errors=True)
    if "filter" in content:
        return SigmaFilter.from_dict(content, collect_errors=True)
    return SigmaRule.from_dict(content, collect_errors=True)


def _same_names(read: Iterable[_Read]) -> Iterator[Fault]:
    """Two rules of one name or id: a reference to it would mean either."""
    seen: dict[str, _Read] = {}
    for one in read:
        for key in {str(one.rule.id or ""), one.rule.name or ""} - {""}:
            if key in seen:
                yield Fault(one.file, one.document.line_of_key("id", "name"), f"'{key}' is another rule's too")
            seen[key] = one


def _resolved(read: list[_Read]) -> sigma.RuleSet:
    places = {id(one.rule): one for one in read}
    try:
        collection = SigmaCollection([one.rule for one in read])
    except SigmaError as error:
        raise RulesError([_whose(read, error).fault(error)]) from None
    faults: list[Fault] = []
    selections: dict[str, sigma.Selection] = {}
    correlations: list[sigma.Correlation] = []
    _refuse_cycles(collection, places)
    for rule in collection.rules:
        try:
            if isinstance(rule, SigmaRule):
                selections[translation.identity(rule)] = translation.selection(rule)
            else:
                correlations.append(translation.correlation(rule))
        except (SigmaError, NotSupportedError, ValueError) as error:
            faults.append(places[id(rule)].fault(error))
    if faults:
        raise RulesError(faults)
    return sigma.RuleSet(selections, tuple(correlations))


def _refuse_cycles(collection: SigmaCollection, places: Mapping[int, _Read]) -> None:
    depths: dict[int, int] = {}
    for rule in collection.rules:
        if _depth(rule, depths, on_the_way=()) > sigma.DEEPEST:
            place = places[id(rule)]
            line = place.document.line_of_key("rules")
            reason = f"correlations of correlations go {sigma.DEEPEST} levels deep at most, and never in a circle"
            raise RulesError([Fault(place.file, line, reason)])


def _depth(rule: object, depths: dict[int, int], *, on_the_way: tuple[int, ...]) -> int:
    """Return how many levels of correlations are below and with the rule; too many if it leads to itself."""
    if id(rule) in on_the_way or len(on_the_way) > sigma.DEEPEST:
        return sigma.DEEPEST + 1
    if not isinstance(rule, SigmaCorrelationRule):
        return 0
    if id(rule) not in depths:
        below = (_depth(one.rule, depths, on_the_way=(*on_the_way, id(rule))) for one in rule.referenced_rules)
        depths[id(rule)] = 1 + max(below, default=0)
    return depths[id(rule)]


def _whose(read: list[_Read], error: Exception) -> _Read:
    """Return the correlation that names what could not be found."""
    for one in read:
        if isinstance(one.rule, SigmaCorrelationRule) and any(
            reference.reference in str(error) for reference in one.rule.rules or ()
        ):
            return one
    return read[0]
