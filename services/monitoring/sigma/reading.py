"""A file to its documents and theirs to pysigma's rules, or to what is wrong with them and where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from sigma.collection import deep_dict_update
from sigma.conditions import SigmaCondition
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.rule import SigmaDetection, SigmaRule
from sigma.rule.base import SigmaYAMLLoader, check_alias_expansion
from typing_extensions import override

from services.monitoring.sigma.keys import ExtensionError
from services.monitoring.sigma.lines import Document

LARGEST_FILE = 1024 * 1024
"""Bytes; a rule is a page."""

REFUSALS = (SigmaError, TypeError, ValueError, AttributeError, KeyError, IndexError, RecursionError)
"""What pysigma raises for a rule: its own errors, and Python's where it expects another type."""

Parsed = SigmaRule | SigmaCorrelationRule | SigmaFilter


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


@dataclass(frozen=True)
class Read:
    """A document of a file and the rule that it holds."""

    file: str
    document: Document
    rule: Parsed
    content: Mapping[str, Any]

    def fault(self, error: Exception) -> Fault:
        """Return what is wrong with the document: in the line of the test that fails by itself, else the likeliest."""
        path = error.path if isinstance(error, ExtensionError) else _culprit(self.content, error)
        line = self.document.line_at(*path) if path else self.document.line_of(error)
        return Fault(self.file, line, _words(error))


def _culprit(content: Mapping[str, Any], error: Exception) -> tuple[str | int, ...]:
    """Return the path to the test of a detection that raises the error, empty if none does."""
    for part in ("detection", "filter"):
        for path, test in _tests(content.get(part), path=(part,)):
            try:
                SigmaDetection.from_definition(test)
            except REFUSALS as raised:
                if str(raised) == str(error):
                    return path
    return ()


def _tests(node: object, *, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """Yield each field of each selection with what is asked of it, and the path to it."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        if isinstance(node, dict) and len(path) > 1:
            yield (*path, key), {str(key): value}
        elif isinstance(value, dict | list):
            yield from _tests(value, path=(*path, key))


def _words(error: Exception) -> str:
    if not str(error) or isinstance(error, KeyError | RecursionError | AttributeError):
        return f"a value has another type than is expected there ({type(error).__name__}: {error})"
    return re.sub(r"_filt_[a-z]{10}_", "", str(error).split(" in file")[0])


def documents(name: str, text: str) -> Iterator[Read | Fault]:
    """Yield the rule of each document of the file, or every fault of it."""
    if len(text.encode()) > LARGEST_FILE:
        yield Fault(name, 1, f"a file has {LARGEST_FILE} bytes at most")
        return
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
        contents = list(yaml.load_all(text, Loader=SigmaYAMLLoader))
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        yield Fault(name, mark.line + 1 if mark else 1, f"no YAML: {getattr(error, 'problem', None) or error}")
        return
    whole = _Whole()
    for node, content in zip(nodes, contents, strict=True):
        if content is not None:
            yield from _rule(name, Document(node), content, whole=whole)


class _Whole:
    """What documents say for those after them: Sigma's older `action: global`, `repeat` and `reset`."""

    def __init__(self) -> None:
        self._common: dict[str, Any] = {}
        self._before: dict[str, Any] = {}

    def rule(self, content: dict[str, Any]) -> dict[str, Any] | None:
        """Return the rule that the document means, None if it means none by itself."""
        match content.pop("action", None):
            case None if "correlation" in content or "filter" in content:
                return content
            case None:
                self._before = deep_dict_update(content, self._common)
            case "repeat":
                self._before = deep_dict_update(self._before, content)
            case "global":
                self._common = self._before = content
                return None
            case "reset":
                self._common = {}
                return None
            case other:
                raise ValueError(f"Unknown Sigma collection action '{other}'")
        return self._before


def _rule(name: str, document: Document, content: object, *, whole: _Whole) -> Iterator[Read | Fault]:
    if not isinstance(content, dict):
        yield Fault(name, document.line, "a rule is a mapping")
        return
    try:
        check_alias_expansion(content)
        meant = whole.rule(content)
        if meant is None:
            return
        rule = _parsed(meant)
    except REFUSALS as error:
        yield Fault(name, document.line_of(error), _words(error))
        return
    read = Read(name, document, rule, meant)
    errors = [*rule.errors, *_errors_within(rule)]
    yield from map(read.fault, errors)
    if not errors:
        yield read


def _parsed(content: dict[str, Any]) -> Parsed:
    if "correlation" in content:
        return SigmaCorrelationRule.from_dict(content, collect_errors=True)
    if "filter" in content:
        return SigmaFilter.from_dict(content, collect_errors=True)
    return SigmaRule.from_dict(content, collect_errors=True)


def _errors_within(rule: Parsed) -> Iterator[Exception]:
    """Yield what is wrong with a filter's own condition: applied to a rule, it would look like the rule's fault."""
    if isinstance(rule, SigmaFilter) and not rule.errors:
        try:
            for condition in rule.filter.condition:
                SigmaCondition(condition, rule.filter).parse()
        except REFUSALS as error:
            yield error
