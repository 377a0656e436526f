"""What a rule says under `nuxari`: the keys that there are, what they hold, and what is wrong with any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sigma.correlations import SigmaCorrelationTimespan

from services.monitoring.domain.sigma import WindowKind


class ExtensionError(Exception):
    """A key under `nuxari` is unknown, or holds something that it cannot."""


def extensions_of(attributes: Mapping[str, Any] | None, *, known: frozenset[str]) -> dict[str, Any]:
    """Return what stands under `nuxari`, read: spans of time as timedelta, kinds as their enumeration.

    Raises:
        ExtensionError: a key is not among the known ones or its value is wrong.
    """
    found = (attributes or {}).get("nuxari", {})
    if not isinstance(found, dict):
        raise ExtensionError("'nuxari' holds a mapping of extensions")
    for name in found:
        if name not in known:
            raise ExtensionError(f"'{name}' is no extension here; there are: {', '.join(sorted(known)) or 'none'}")
    return {name: _READ[name](name, value) for name, value in found.items()}


def _span(_: str, value: object) -> timedelta:
    return timedelta(seconds=SigmaCorrelationTimespan(str(value)).seconds)


def _window(name: str, value: object) -> WindowKind:
    if value not in list(WindowKind):
        raise ExtensionError(f"'{value}' is no '{name}'; there are: {', '.join(WindowKind)}")
    return WindowKind(str(value))


_READ: dict[str, Callable[[str, object], Any]] = {"window": _window, "gap": _span, "quiet": _span}

OF_CORRELATIONS = frozenset({"window", "gap", "quiet"})
"""Extensions of a correlation rule."""
