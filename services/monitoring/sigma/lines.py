"""Where in a file something is wrong: pysigma says what, the YAML tree says where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

_QUOTED = re.compile(r"'\s*([^']+?)\s*'|\"([^\"]+)\"")

_KEYS = {
    "LevelError": ("level",),
    "StatusError": ("status",),
    "LogsourceError": ("logsource",),
    "ConditionError": ("condition",),
    "TimespanError": ("timespan",),
    "CorrelationConditionError": ("condition", "correlation"),
    "CorrelationTypeError": ("type", "correlation"),
    "CorrelationRuleError": ("correlation",),
    "RuleNotFoundError": ("rules", "correlation"),
    "IdentifierError": ("id",),
    "TitleError": ("title",),
    "DetectionError": ("detection",),
    "FilterError": ("filter",),
    "DateError": ("date",),
    "ModifiedError": ("modified",),
}
"""The key that an error of pysigma is about, by the end of its name."""


@dataclass(frozen=True)
class Document:
    """One document of a file, with the lines that its texts are on."""

    node: yaml.Node | None

    @property
    def line(self) -> int:
        """The line it begins on, from 1."""
        return self.node.start_mark.line + 1 if self.node is not None else 1

    def line_of(self, error: Exception) -> int:
        """Return the line that the error is most likely about: of a text it quotes, else of the key it concerns."""
        for quoted in _quoted(str(error)):
            for node in _scalars(self.node):
                if quoted in {node.value, *node.value.split("|"), *node.value.split()}:
                    return int(node.start_mark.line) + 1
        return self._line_of_key(type(error).__name__)

    def line_of_key(self, *keys: str) -> int:
        """Return the line of the first of the keys that the document has, else the one it begins on."""
        for key in keys:
            for node in _scalars(self.node):
                if node.value == key:
                    return int(node.start_mark.line) + 1
        return self.line

    def _line_of_key(self, error_name: str) -> int:
        return next(
            (self.line_of_key(*keys) for ending, keys in _KEYS.items() if error_name.endswith(ending)), self.line
        )


def _quoted(text: str) -> Iterator[str]:
    for match in _QUOTED.finditer(text):
        yield match[1] or match[2]


def _scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for part in node.value:
            yield from _scalars(part)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _scalars(key)
            yield from _scalars(value)
