"""JSON values as YAML text: after this, a generated YAML file needs no YAML library."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_$/][A-Za-z0-9_$/]*(?:[ .-][A-Za-z0-9_$/]+)*")
"""Text that no YAML reader takes for anything but text, if it is none of the words below."""

_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def as_yaml(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return block-style YAML (1.1 and 1.2 alike) of a JSON value whose names are short: 1,024 written characters."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _entry(f"{_scalar(str(key))}:", item)
    elif isinstance(value, list) and value:
        for item in value:
            yield from _item(item)
    else:
        yield _scalar(value)


def _entry(head: str, item: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(item, dict | list) and item:
        yield head
        yield from (f"  {line}" for line in _lines(item))
    else:
        yield f"{head} {_scalar(item)}"


def _item(item: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    first, *rest = _lines(item)
    yield f"- {first}"
    yield from (f"  {line}" for line in rest)


def _scalar(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "." not in text:
        return text.replace("e", ".0e")  # YAML 1.1 takes 1e-9 for a word
    # JSON is YAML but for characters that YAML does not print, and for pairs of surrogates, which it does not know.
    return "".join(one if one < "\x7f" else f"\\U{ord(one):08x}" for one in text)
