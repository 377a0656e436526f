"""Values out of a mapping under `nuxari`, each of its type; what is wrong is said with the path that leads to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from math import isfinite
from typing import NoReturn

from sigma.correlations import SigmaCorrelationTimespan

Path = tuple[str | int, ...]
"""Keys and places in lists, from the top of the document."""

Find = Callable[[str], str | None]
"""Returns the id of the rule of that name or id; None if there is none."""


class ExtensionError(Exception):
    """A key under `nuxari` is unknown, or holds something that it cannot."""

    def __init__(self, reason: str, *, path: Path = ()) -> None:
        super().__init__(reason)
        self.path = path
        """Of what is wrong, as far as it is there; empty if nothing but the reason is known."""


def span_of(value: object) -> timedelta | None:
    """Return the span of time, such as 10m; None if the value is none."""
    try:
        return timedelta(seconds=SigmaCorrelationTimespan(str(value)).seconds)
    except Exception:  # noqa: BLE001 - pysigma raises its own errors and Python's
        return None


class Keys:
    """Takes values out of a mapping, each once; whoever is done sees whether anything is left."""

    def __init__(self, value: object, *, path: Path) -> None:
        self.path = path
        self._name = str(next(one for one in reversed(path) if isinstance(one, str)))
        if not isinstance(value, Mapping):
            raise self.error(f"'{self._name}' holds a mapping")
        self._left = {str(key): one for key, one in value.items()}

    def error(self, reason: str, *, at: str | None = None) -> ExtensionError:
        """Return what is wrong with the mapping, or with one of its keys."""
        return ExtensionError(reason, path=self.path if at is None else (*self.path, at))

    def has(self, key: str) -> bool:
        """Say whether the key is there and was not taken yet."""
        return key in self._left

    def take(self, key: str) -> object:
        """Return whatever the key holds, None if it is not there."""
        return self._left.pop(key, None)

    def text(self, key: str) -> str | None:
        """Return the name, None where the key is missing."""
        value = self.take(key)
        if value is not None and (not isinstance(value, str) or not value):
            raise self._wrong(key, "a name", value)
        return value

    def named(self, key: str) -> str:
        """Return the name, which has to be there."""
        return self.text(key) or self._missing(key, "a name")

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the names, one where it is no list, none where the key is missing."""
        if not self.has(key):
            return ()
        value = self.take(key)
        found = value if isinstance(value, list) else [value]
        if not found or not all(isinstance(one, str) and one for one in found):
            raise self._wrong(key, "a name or a list of names", value)
        return tuple(dict.fromkeys(found))

    def number(self, key: str, default: float | None = None, *, least: float = 0, most: float = float("inf")) -> float:
        """Return the number, the default where the key is missing."""
        value = self._left.pop(key, default)
        limits = f"from {least:g} on" if most == float("inf") else f"from {least:g} to {most:g}"
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not isfinite(value) or not least <= value <= most:
            raise self._wrong(key, f"a number {limits}", value)
        return float(value) if isinstance(value, float) else int(value)

    def whole(self, key: str, default: int | None = None, *, least: int = 1, most: float = float("inf")) -> int:
        """Return the whole number, the default where the key is missing."""
        value = self.number(key, default, least=least, most=most)
        if value != int(value):
            raise self._wrong(key, "a whole number", value)
        return int(value)

    def span(self, key: str, default: timedelta | None = None) -> timedelta:
        """Return the span of time, the default where the key is missing."""
        if not self.has(key):
            return default if default is not None else self._missing(key, "a span of time such as 10m")
        value = self.take(key)
        found = span_of(value)
        if found is None:
            raise self._wrong(key, "a span of time such as 10m", value)
        return found

    def end(self) -> None:
        """Refuse what was not taken."""
        if self._left:
            unknown = min(self._left)
            raise self.error(f"'{self._name}' knows no '{unknown}' here", at=unknown)

    def _missing(self, key: str, wanted: str) -> NoReturn:
        raise self.error(f"'{self._name}' needs '{key}', {wanted}")

    def _wrong(self, key: str, wanted: str, value: object) -> ExtensionError:
        return self.error(f"'{key}' of '{self._name}' is {wanted}, not '{value}'", at=key)
