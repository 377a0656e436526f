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
    "DetectionError": ("detection", "filter"),
    "ValueError": ("detection", "filter"),
    "NotSupportedError": ("correlation", "detection"),
    "ExtensionError": ("nuxari",),
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
        quoted = list(_quoted(str(error)))
        for is_near in (lambda text, node: text == node, _is_part):
            for text in quoted:
                for node in _scalars(self.node):
                    if is_near(text, node.value):
                        return int(node.start_mark.line) + 1
        return self._line_of_key(type(error).__name__)

    def line_of_key(self, *keys: str) -> int:
        """Return the line of the first of the keys that the document has, else the one it begins on."""
        for key in keys:
            for node in _scalars(self.node):
                if node.value == key:
                    return int(node.start_mark.line) + 1
        return self.line

    def line_at(self, *path: str | int) -> int:
        """Return the line of the key, or of the element, at the end of a path through mappings and lists."""
        node, line = self.node, self.line
        for step in path:
            if isinstance(node, yaml.MappingNode):
                key, node = next((pair for pair in node.value if pair[0].value == step), (node, None))
                line = int(key.start_mark.line) + 1
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                node = node.value[step]
                line = int(node.start_mark.line) + 1
        return line

    def _line_of_key(self, error_name: str) -> int:
        return next(
            (self.line_of_key(*keys) for ending, keys in _KEYS.items() if error_name.endswith(ending)), self.line
        )


def _is_part(text: str, value: str) -> bool:
    """Say whether the text is a word of the value, or a modifier in it."""
    return text in {*value.split("|"), *value.split()}


def _quoted(text: str) -> Iterator[str]:
    for match in _QUOTED.finditer(text):
        yield match[1] or match[2]


def _scalars(root: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Yield each scalar in the order of the file; what an alias repeats comes once."""
    seen: set[int] = set()
    left = [root]
    while left:
        node = left.pop()
        if isinstance(node, yaml.ScalarNode):
            yield node
        elif node is not None and id(node) not in seen:
            seen.add(id(node))
            left += reversed([part for one in node.value for part in (one if isinstance(one, tuple) else (one,))])
