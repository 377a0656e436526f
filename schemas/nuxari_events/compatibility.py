"""What breaks between two versions of the contract: after this, nobody judges a change of a model by eye.

The rule: inside one version of an event type, every reader must go on reading what every writer writes. A reader of the
new version meets old events (topics are kept for years), and a reader of the old version meets new ones (writers and
readers are not updated together), ignoring the fields it does not know. So what one version accepts in a field, the
other must accept too: a field's type, enum, pattern, bounds, format, default and constant stay as they are, in both
directions. Free to change: a new event type, a new optional field, and every title, description and example. Anything
else needs a new type (`.v2`) beside the old one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override

from nuxari_events.snapshots import Schema, parse_snapshot, read_snapshots, snapshots

SOURCES = Path(__file__).parent.parent
"""`schemas/` of a checkout."""

NEW_REFUSES_OLD = "a new reader refuses old events"
OLD_REFUSES_NEW = "an old reader refuses new events"

_SILENT = frozenset({"$schema", "$id", "$defs", "$comment", "title", "description", "examples", "deprecated"})
"""Keywords that accept and refuse nothing."""

_LOWER = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "multipleOf"})
_UPPER = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})

_NESTED = frozenset({"items", "additionalProperties", "propertyNames"})
_BRANCHING = frozenset({"anyOf", "oneOf", "allOf"})


Node = Schema | bool
"""What may stand where JSON Schema wants a schema."""


@dataclass(frozen=True, order=True)
class Break:
    """One change that a reader would stumble over."""

    event_type: str
    place: str
    """The field, dotted, such as `data.outcome`; empty for the event type itself."""
    kind: str
    detail: str

    @override
    def __str__(self) -> str:
        """Return one line that names it."""
        where = f"{self.event_type}: {self.place}" if self.place else self.event_type
        return f"{where}: {self.kind}: {self.detail}"


def breaking_changes(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[Break]:
    """Return every breaking change between two sets of snapshots, by event type; none for equal sets."""
    found = [
        Break(
            name, "", "removed event type", "its topic still holds such events; keep it and add a new version beside it"
        )
        for name in old.keys() - new.keys()
    ]
    for name in old.keys() & new.keys():
        comparison = _Comparison(name, old[name], new[name])
        found.extend(comparison.breaks("", old[name], new[name]))
    return sorted(set(found))


class _Comparison:
    """Compares two schemas of one event type; references are followed, so a renamed model is no change."""

    def __init__(self, event_type: str, old: Schema, new: Schema) -> None:
        self._event_type = event_type
        self._old = old
        self._new = new
        self._within: list[tuple[str, str]] = []
        """References that are being followed, so that a model that holds itself is compared once."""

    def breaks(self, place: str, old: Node, new: Node) -> Iterator[Break]:
        """Yield what differs in what the two accept."""
        references = (_reference(old), _reference(new))
        if any(references) and references in self._within:
            return
        self._within.append(references)
        yield from self._of_resolved(place, _resolved(old, self._old), _resolved(new, self._new))
        self._within.pop()

    def _of_resolved(self, place: str, old: Node, new: Node) -> Iterator[Break]:
        if not isinstance(old, dict) or not isinstance(new, dict):
            if old != new:
                yield self._break(place, "changed type", f"{_shown(old)} became {_shown(new)}")
            return
        if old.get("type") != new.get("type"):
            yield self._break(place, "changed type", f"{_kind(old)} became {_kind(new)}")
            return
        for keyword in sorted((old.keys() | new.keys()) - _SILENT - {"type"}):
            yield from self._of_keyword(place, keyword, old, new)

    def _of_keyword(self, place: str, keyword: str, old: Schema, new: Schema) -> Iterator[Break]:
        before, after = old.get(keyword), new.get(keyword)
        if keyword == "properties":
            yield from self._of_properties(place, before or {}, after or {})
        elif keyword == "required":
            yield from self._of_required(place, old, new)
        elif keyword == "enum":
            yield from self._of_enum(place, before, after)
        elif keyword in _LOWER | _UPPER:
            yield from self._of_bound(place, keyword, before, after)
        elif keyword in _BRANCHING:
            yield from self._of_branches(place, before or [], after or [])
        elif keyword in _NESTED and before is not None and after is not None:
            yield from self.breaks(f"{place}[]", before, after)
        elif keyword not in old or keyword not in new or before != after:
            yield self._of_whole(place, keyword, old, new)

    def _of_properties(self, place: str, before: Schema, after: Schema) -> Iterator[Break]:
        for name in before.keys() - after.keys():
            yield self._break(_join(place, name), "removed field", "readers of the old version miss it")
        for name in before.keys() & after.keys():
            yield from self.breaks(_join(place, name), before[name], after[name])

    def _of_required(self, place: str, old: Schema, new: Schema) -> Iterator[Break]:
        before, after = set(old.get("required", ())), set(new.get("required", ()))
        for name in after - before:
            yield self._break(_join(place, name), "newly required field", NEW_REFUSES_OLD)
        for name in (before - after) & new.get("properties", {}).keys():
            yield self._break(_join(place, name), "no longer required", OLD_REFUSES_NEW)

    def _of_enum(self, place: str, before: list[Any] | None, after: list[Any] | None) -> Iterator[Break]:
        if before is None or after is None:
            consequence = NEW_REFUSES_OLD if before is None else OLD_REFUSES_NEW
            yield self._break(place, "enum added" if before is None else "enum removed", consequence)
            return
        for value in before:
            if value not in after:
                yield self._break(place, "enum value removed", f"{value!r}: {NEW_REFUSES_OLD}")
        for value in after:
            if value not in before:
                yield self._break(place, "enum value added", f"{value!r}: {OLD_REFUSES_NEW}")

    def _of_bound(self, place: str, keyword: str, before: float | None, after: float | None) -> Iterator[Break]:
        if before == after:
            return
        narrower = _is_narrower(keyword, before, after)
        kind, consequence = ("narrowed", NEW_REFUSES_OLD) if narrower else ("widened", OLD_REFUSES_NEW)
        yield self._break(place, f"{kind} {keyword}", f"{_shown(before)} became {_shown(after)}: {consequence}")

    def _of_branches(self, place: str, before: list[Any], after: list[Any]) -> Iterator[Break]:
        """Compare alternatives by their kind, in any order of the kinds."""
        olds = sorted(((_kind(_resolved(one, self._old)), one) for one in before), key=_first)
        news = sorted(((_kind(_resolved(one, self._new)), one) for one in after), key=_first)
        if [kind for kind, _ in olds] != [kind for kind, _ in news]:
            yield self._break(place, "changed type", f"{_listed(olds)} became {_listed(news)}")
            return
        for (_, one), (_, other) in zip(olds, news, strict=True):
            yield from self.breaks(place, one, other)

    def _of_whole(self, place: str, keyword: str, old: Schema, new: Schema) -> Break:
        verb = "added" if keyword not in old else "removed" if keyword not in new else "changed"
        change = f"{_shown(old.get(keyword))} became {_shown(new.get(keyword))}"
        return self._break(place, f"{verb} {keyword.removeprefix('x-nuxari-')}", change)

    def _break(self, place: str, kind: str, detail: str) -> Break:
        return Break(self._event_type, place, kind, detail)


def _resolved(schema: Node, root: Schema) -> Node:
    """Follow references; keywords beside one, such as a default, are kept."""
    while isinstance(schema, dict) and "$ref" in schema:
        target = root["$defs"][schema["$ref"].rpartition("/")[2]]
        schema = target | {key: value for key, value in schema.items() if key != "$ref"}
    return schema


def _reference(schema: Node) -> str:
    return str(schema["$ref"]) if isinstance(schema, dict) and "$ref" in schema else ""


def _kind(schema: Node) -> str:
    """Say in a word or two what a schema accepts."""
    if not isinstance(schema, dict):
        return _shown(schema)
    if "type" not in schema:
        return next((f"{one} of several" for one in _BRANCHING if one in schema), "anything")
    name = str(schema["type"])
    if "const" in schema:
        return f"{name} {schema['const']!r}"
    return f"{name} ({schema['format']})" if "format" in schema else name


def _listed(alternatives: Sequence[tuple[str, Node]]) -> str:
    return " or ".join(kind for kind, _ in alternatives) or "nothing"


def _first(pair: tuple[str, Node]) -> str:
    return pair[0]


def _is_narrower(keyword: str, before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is None
    return (after > before) == (keyword in _LOWER)


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


class UnreadableError(ValueError):
    """The snapshots to compare with cannot be had; the message says why."""


def snapshots_at(place: str, *, sources: Path) -> dict[str, Schema]:
    """Return the snapshots of a directory, or those that a git revision of the checkout has; none if it has none.

    Raises:
        UnreadableError: there is no such directory of snapshots or revision, or a file in it is no snapshot.
    """
    try:
        if place and Path(place).is_dir():
            return _in_directory(Path(place))
        return _at_revision(place, sources)
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{place}: {error}") from None


def _in_directory(directory: Path) -> dict[str, Schema]:
    found = read_snapshots(directory)
    if not found:
        raise ValueError("there are no snapshots in this directory")
    return found


def _at_revision(revision: str, sources: Path) -> dict[str, Schema]:
    commit = _git(sources, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    listed = _git(sources, "ls-tree", "--name-only", commit, "snapshots/").split()
    paths = [Path(name) for name in listed if name.endswith(".json")]
    return {path.stem: parse_snapshot(_git(sources, "show", f"{commit}:./{path}"), name=path.name) for path in paths}


def _git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - git, and no shell
    if done.returncode:
        raise ValueError(done.stderr.strip() or "neither a directory nor a revision of this checkout")
    return done.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the models with earlier snapshots: one line per breaking change, and exit code 1 if there is any."""
    parser = argparse.ArgumentParser(prog="python -m nuxari_events.compatibility", description=main.__doc__)
    parser.add_argument("--against", required=True, metavar="GITREV|DIR", help="where the earlier snapshots are")
    parser.add_argument("--sources", type=Path, default=SOURCES, metavar="DIR", help="the schemas/ of a checkout")
    options = parser.parse_args(arguments)
    try:
        old = snapshots_at(options.against, sources=options.sources)
    except UnreadableError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command prints
        return 2
    found = breaking_changes(old, snapshots())
    for one in found:
        print(one)  # noqa: T201 - as above
    summary = f"{len(found)} breaking changes against {len(old)} event types of {options.against}"
    print(summary, file=sys.stderr)  # noqa: T201 - as above
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
