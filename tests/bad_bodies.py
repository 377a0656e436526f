"""Bodies that a route must refuse, made from what its OpenAPI description says a good one is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

NUMBER_FOR_A_TIME = 1_700_000_000
"""Seconds since 1970: pydantic alone would take it for a time."""

_ODD_TIMES = (
    NUMBER_FOR_A_TIME,
    1_700_000_000.5,
    str(NUMBER_FOR_A_TIME),
    "yesterday",
    "2026-03-02",
    "12:00:00",
    "2026-03-02T12:00:00",
    "2026-02-30T12:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
)

_PLAUSIBLE = {"date-time": "2026-03-02T12:00:00Z", "email": "ada@example.com"}
"""Texts by their format or name."""

_OF_ANOTHER_TYPE: Mapping[str, tuple[object, ...]] = {
    "string": (7, 7.5, True, [], ["text"], {}, {"text": "text"}),
    "integer": ("text", "5", 7.5, 10**30, True, [], {}),
    "number": ("text", "5", True, [], {}),
    "boolean": ("perhaps", 7, [], {}),
    "array": ("text", 7, True, {}, [7], [[]], [{}], [None]),
    "object": ("text", 7, True, []),
}


@dataclass(frozen=True)
class Bad:
    """One body, and how it is refused."""

    what: str
    body: bytes
    status: int
    content_type: str | None = "application/json"

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.content_type is None else {"Content-Type": self.content_type}


class Form:
    """The form of one route's body."""

    def __init__(self, operation: Schema, schemas: Schema) -> None:
        self._schemas = schemas
        self.schema = self._resolved(operation["requestBody"]["content"]["application/json"]["schema"])

    @property
    def fields(self) -> Mapping[str, Schema]:
        return self.schema["properties"]  # type: ignore[no-any-return]

    def good(self, **more: object) -> dict[str, Any]:
        """A body of the right form, every field given."""
        return {name: self._example(name, schema) for name, schema in self.fields.items()} | more

    def times(self) -> list[str]:
        """The fields that hold a time."""
        return [name for name, schema in self.fields.items() if self._one(schema).get("format") == "date-time"]

    def texts(self) -> list[str]:
        """The fields that hold a text of the sender's choice."""
        of_text = {name: self._one(schema) for name, schema in self.fields.items()}
        return [name for name, one in of_text.items() if one.get("type") == "string" and self._is_free(one)]

    def bad(self) -> Iterator[Bad]:
        """Every body that is refused."""
        yield from self._unreadable()
        yield from self._of_another_media_type()
        for what, body in (*self._of_another_shape(), *self._of_other_types(), *self._of_odd_texts()):
            yield Bad(what, json.dumps(body).encode(), 422)

    def _unreadable(self) -> Iterator[Bad]:
        good = json.dumps(self.good()).encode()
        first = json.dumps(next(iter(self.fields))).encode()
        yield Bad("broken JSON", good[:-1], 400)
        yield Bad("not JSON", b"name=value", 400)
        yield Bad("two documents", good + good, 400)
        yield Bad("a list without an end", b"[" * 100_000, 400)
        yield Bad("an object without an end", b'{"a":' * 100_000, 400)
        yield Bad("not UTF-8", b"{" + first + b': "\xff\xfe"}', 400)
        yield Bad("a number of five thousand digits", b"{" + first + b": " + b"9" * 5000 + b"}", 400)
        yield Bad("nothing", b"", 422)
        yield Bad("a NUL", b"\0", 400)

    def _of_another_media_type(self) -> Iterator[Bad]:
        good = json.dumps(self.good()).encode()
        for media_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml"):
            yield Bad(media_type, good, 415, media_type)
        yield Bad("no content type", good, 415, None)

    def _of_another_shape(self) -> Iterator[tuple[str, object]]:
        yield from (("a list", []), ("a list of a good one", [self.good()]), ("a text", "text"), ("a number", 7))
        yield from (("null", None), ("true", True), ("no field at all", {}))
        yield "an unknown field", self.good(nmae="misspelt")
        for name in self.schema.get("required", ()):
            yield f"without {name}", {field: value for field, value in self.good().items() if field != name}

    def _of_other_types(self) -> Iterator[tuple[str, object]]:
        for name, schema in self.fields.items():
            for value in self._wrong(schema):
                yield f"{value!r:.60} for {name}", self.good(**{name: value})
            yield f"five hundred levels for {name}", self.good(**{name: _nested(500)})

    def _of_odd_texts(self) -> Iterator[tuple[str, object]]:
        for name in self.texts():
            yield f"NUL in {name}", self.good(**{name: "some\0thing"})
            yield f"half a surrogate pair in {name}", self.good(**{name: "some\ud800thing"})
            longest = self._one(self.fields[name]).get("maxLength", 4096)
            yield f"a very long {name}", self.good(**{name: "long" * (max(8000, longest) // 4 + 1)})

    def _wrong(self, schema: Schema) -> Iterator[object]:
        one = self._one(schema)
        yield from _OF_ANOTHER_TYPE[one["type"]]
        if not self._is_nullable(schema):
            yield None
        if "enum" in one:
            yield from ("no such thing", "", one["enum"][0] + " ")
        if one.get("format") == "date-time":
            yield from _ODD_TIMES
        if "minimum" in one:
            yield from (int(one["minimum"]) - 1, int(one["maximum"]) + 1)

    def _example(self, name: str, schema: Schema) -> Any:
        one = self._one(schema)
        if "enum" in one:
            return one["enum"][0]
        match one["type"]:
            case "integer" | "number" | "boolean":
                return {"integer": int, "number": float, "boolean": bool}[one["type"]](one.get("minimum", 1))
            case "array":
                return [self._example(name, one["items"])]
            case "object":
                return self._example_of_object(one)
            case _:
                return _PLAUSIBLE.get(one.get("format", name), "plausible")

    def _example_of_object(self, schema: Schema) -> dict[str, Any]:
        """One whose names are given, or one of any names."""
        if "properties" in schema:
            return {name: self._example(name, one) for name, one in schema["properties"].items()}
        values = schema.get("additionalProperties") or next(iter(schema["patternProperties"].values()))
        return {"plausible": self._example("plausible", values)}

    def _is_free(self, one: Schema) -> bool:
        return "enum" not in one and one.get("format") != "date-time"

    def _is_nullable(self, schema: Schema) -> bool:
        return any(option.get("type") == "null" for option in schema.get("anyOf", ()))

    def _one(self, schema: Schema) -> Schema:
        """The schema of what is there when something is."""
        options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
        return self._resolved(options[0])

    def _resolved(self, schema: Schema) -> Schema:
        reference = schema.get("$ref")
        return schema if reference is None else self._schemas[reference.rsplit("/", 1)[-1]]


def _nested(levels: int) -> object:
    value: object = "deep"
    for _ in range(levels):
        value = {"deep": value}
    return value
