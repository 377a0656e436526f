"""What a rule says under `nuxari`: the keys that there are, what they hold, and what is wrong with any other."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from services.monitoring.domain.sigma import WindowKind
from services.monitoring.sigma.bounds import further
from services.monitoring.sigma.keys import ExtensionError, Find, span_of
from services.monitoring.sigma.kinds import KINDS, kind_of

_TECHNIQUE = re.compile(r"T[0-9]{4}(\.[0-9]{3})?")
_VERSION = re.compile(r"v[0-9]+(\.[0-9]+)?")


def extensions_of(attributes: Mapping[str, Any] | None, *, known: frozenset[str], find: Find) -> dict[str, Any]:
    """Return what stands under `nuxari`, read: spans of time as timedelta, kinds as their types.

    `find` returns the id of a rule by its name.

    Raises:
        ExtensionError: a key is not among the known ones or its value is wrong.
    """
    found = (attributes or {}).get("nuxari", {})
    if not isinstance(found, dict):
        raise ExtensionError("'nuxari' holds a mapping of extensions", path=("nuxari",))
    for name in found:
        if name not in known:
            there_are = ", ".join(sorted(known)) or "none"
            raise ExtensionError(f"'{name}' is no extension here; there are: {there_are}", path=("nuxari", name))
    kinds = sorted(found.keys() & KINDS)
    if len(kinds) > 1:
        raise ExtensionError(f"'{kinds[0]}' and '{kinds[1]}' cannot be in one rule", path=("nuxari", kinds[1]))
    return {name: _read(name, value, find) for name, value in found.items()}


def _read(name: str, value: object, find: Find) -> Any:  # noqa: ANN401 - of its kind
    return kind_of(name, value, find) if name in KINDS else _READ[name](name, value)


def _wrong(name: str, wanted: str) -> ExtensionError:
    return ExtensionError(f"'{name}' {wanted}", path=("nuxari", name))


def _span(name: str, value: object) -> timedelta:
    found = span_of(value)
    if found is None:
        raise _wrong(name, f"is a span of time such as 10m, not '{value}'")
    return found


def _window(name: str, value: object) -> WindowKind:
    if value not in list(WindowKind):
        raise ExtensionError(f"'{value}' is no '{name}'; there are: {', '.join(WindowKind)}", path=("nuxari", name))
    return WindowKind(str(value))


def _further(name: str, value: object) -> Any:  # noqa: ANN401 - of its kind
    return further(value, path=("nuxari", name))


def _number(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _wrong(name, f"is a number from 1 on, not '{value}'")
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _wrong(name, "is a text")
    return value


def _names(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
        raise _wrong(name, "is a list of names")
    return tuple(value)


def _attack(name: str, value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not value or not all(_VERSION.fullmatch(str(one)) for one in value):
        raise _wrong(name, "holds lists of techniques by the version of ATT&CK, such as v18: [T1110.001]")
    for version, ids in value.items():
        if not isinstance(ids, list) or not all(_TECHNIQUE.fullmatch(str(one)) for one in ids):
            reason = f"'{name}' lists techniques such as T1110 or T1110.001, not {ids}"
            raise ExtensionError(reason, path=("nuxari", name, version))
    return {str(version): tuple(map(str, ids)) for version, ids in value.items()}


_READ: dict[str, Callable[[str, object], Any]] = {
    "window": _window,
    "gap": _span,
    "quiet": _span,
    "also": _further,
    "detection": _number,
    "summary": _text,
    "runbook": _text,
    "attack": _attack,
    "needs": _names,
    "group_by": _names,
}

_OF_HEADS = frozenset({"detection", "summary", "runbook", "attack", "needs", "quiet"})

OF_CORRELATIONS = frozenset({"window", "gap", "also"}) | _OF_HEADS | KINDS
"""Extensions of a correlation rule."""

OF_SELECTIONS = frozenset({"group_by"}) | _OF_HEADS
"""Extensions of a rule of single events."""
