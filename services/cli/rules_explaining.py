"""`nuxari-security rules explain`: why a rule holds for an event or not, test by test, count by count."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from services.cli.event_lines import lines_of
from services.cli.rules_catalogue import Rules
from services.cli.rules_files import heads_called, rules_of
from services.cli.screen import NOTES, OUTPUT, fail, print_json
from services.monitoring.domain.derived import Derivation
from services.monitoring.domain.evaluation import Given
from services.monitoring.domain.explaining import Step, explained, flat
from services.monitoring.sigma.chosen import narrowed
from services.monitoring.sigma.running import TIME_FIELDS, milliseconds

_LARGEST = 1024 * 1024
"""Bytes of one event."""


def explain(
    rule: Annotated[str, typer.Argument(help="Number, name or id.")],
    *,
    event: Annotated[str, typer.Option(metavar="FILE", help="One event as JSON; - reads standard input.")],
    among: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Events around it, one a line.")
    ] = None,
    rules: Rules = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the tree as JSON.")] = False,
) -> None:
    """Say why a detection holds for an event, or what it lacks: + holds, - does not."""
    found, derivation = rules_of(rules), _derivation()
    heads = heads_called(rule, found)
    subject = _read(_text(event), 1, derivation)
    others = [] if among is None else [one for one in _around(among, derivation) if not _is_same(one, subject)]
    for head in heads:
        tree = explained(narrowed(found, [head.id]).rules, head.id, subject, others)
        if as_json:
            print_json({"rule": head.name or head.id, **tree.as_json()})
        else:
            for depth, step in flat(tree):
                OUTPUT.print(_line(depth, step), soft_wrap=True)


def _derivation() -> Derivation:
    from services.monitoring.geo import of_settings  # noqa: PLC0415 - the other commands do not wait for it
    from shared.settings import EnrichmentSettings  # noqa: PLC0415 - as above

    return Derivation(databases=of_settings(EnrichmentSettings()))


def _line(depth: int, step: Step) -> Text:
    sign, style = ("+", "green") if step.holds else ("-", "red")
    value = "" if step.value is None else f"   {_shown(step.value)}"
    return Text("  " * depth).append(f"{sign} ", style=style).append(step.said).append(value, style="dim")


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return ", ".join(f"{name}={_shown(one)}" for name, one in value.items())
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def _text(event: str) -> bytes:
    if event == "-":
        return sys.stdin.buffer.read(_LARGEST + 1)
    if not Path(event).is_file():
        fail(f"nuxari-security: {event}: no such file")
    with Path(event).open("rb") as opened:
        return opened.read(_LARGEST + 1)


def _around(path: Path, derivation: Derivation) -> Iterator[Given]:
    with path.open("rb") as opened:
        for line in lines_of(opened):
            if line.text is None:
                NOTES.print(f"line {line.number} is too long and was left out", highlight=False)
            else:
                yield _read(line.text, line.number + 1, derivation)


def _read(text: bytes, place: int, derivation: Derivation) -> Given:
    """Return the event with what is derived; one of the contract as the contract reads it."""
    what = "the event" if place == 1 else f"line {place - 1}"
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        fail(f"nuxari-security: {what} is no JSON")
    if len(text) > _LARGEST or not isinstance(fields, dict):
        fail(f"nuxari-security: {what} is no JSON object of {_LARGEST} bytes at most")
    times = (milliseconds(fields.get(name)) for name in TIME_FIELDS if fields.get(name) is not None)
    return Given(
        place=place,
        time_ms=next((one for one in times if one is not None), None),
        source=str(fields.get("source") or ""),
        id=str(fields.get("id") or f"{place:012d}"),
        fields=_by_contract(fields, text, derivation) or derivation.of(fields),
    )


def _by_contract(fields: dict[str, Any], text: bytes, derivation: Derivation) -> dict[str, Any] | None:
    from nuxari_events import wire  # noqa: PLC0415 - the other commands do not wait for it
    from nuxari_events.topics import BY_EVENT_TYPE  # noqa: PLC0415 - as above

    from services.monitoring.sigma.story_runs import as_json  # noqa: PLC0415 - as above

    topic = BY_EVENT_TYPE.get(str(fields.get("type")))
    if topic is None:
        return None
    try:
        return as_json(wire.decode(topic, value=text), derivation)
    except wire.MalformedEventError as error:
        NOTES.print(f"the stream would refuse this event: {error}", highlight=False, markup=False)
        return None


def _is_same(one: Given, other: Given) -> bool:
    return (one.source, one.id) == (other.source, other.id)
