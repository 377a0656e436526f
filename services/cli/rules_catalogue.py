"""`nuxari-security rules list` and `show`: what is detected, and what a security admin does about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from services.cli.rules_files import heads_called, rules_of
from services.cli.screen import OUTPUT, print_json
from services.monitoring.domain.conditions import fields_of
from services.monitoring.domain.grouping import measured_fields, names_of
from services.monitoring.domain.sigma import Head
from services.monitoring.sigma.chosen import correlation_of, leaves_of
from services.monitoring.sigma.pack import Pack
from services.monitoring.sigma.reading import Read, documents

Rules = Annotated[
    list[Path] | None, typer.Option("--rules", exists=True, help="Own rule files or directories; else the pack.")
]

_NAMESPACE = "nuxari."
"""What every event type begins with."""


def list_rules(
    *,
    rules: Rules = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List the detections by number."""
    found = rules_of(rules)
    if as_json:
        for head in found.raising.values():
            print_json(_listed(head))
        return
    table = Table("no.", Column("name", no_wrap=True), "severity", "title", Column("event types", overflow="fold"))
    for one in map(_listed, found.raising.values()):
        types = ", ".join(name.removeprefix(_NAMESPACE) for name in one["event_types"])
        cells = (str(one["number"] or ""), str(one["name"]), str(one["severity"]), str(one["title"]), types)
        table.add_row(*map(Text, cells))
    OUTPUT.print(table)


def show(
    rule: Annotated[str, typer.Argument(help="Number, name or id.")],
    *,
    rules: Rules = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a rule.")] = False,
) -> None:
    """Show what a detection means, what it looks at, what to do about it, and its text."""
    found = rules_of(rules)
    for head in heads_called(rule, found):
        described = _described(head, found)
        if as_json:
            print_json(described)
        else:
            OUTPUT.print(Text("\n".join(_page(described))), soft_wrap=True)


def _listed(head: Head) -> dict[str, Any]:
    return {
        "number": head.extensions.get("detection"),
        "name": head.name or head.id,
        "severity": head.level,
        "title": head.title,
        "event_types": list(head.extensions.get("needs", ())),
    }


def _described(head: Head, found: Pack) -> dict[str, Any]:
    said = head.extensions
    file, text = _source(head, found)
    return {
        **_listed(head),
        "id": head.id,
        "description": " ".join(head.description.split()),
        "attack": {version: list(ids) for version, ids in said.get("attack", {}).items()},
        "false_positives": list(head.false_positives),
        "runbook": str(said.get("runbook", "")).strip(),
        "fields": sorted(_fields(head, found)),
        "rests_on": [found.rules.selections[one].head.title for one in leaves_of(found.rules, head.id)],
        "file": file,
        "sigma": text,
    }


def _fields(head: Head, found: Pack) -> set[str]:
    """Return the fields of events that decide whether it holds."""
    rules = found.rules
    leaves = list(leaves_of(rules, head.id))
    tested = {name for one in leaves for name in fields_of(rules.selections[one].condition) if name}
    correlation = correlation_of(rules, head.id)
    if correlation is None:
        return tested | set(head.extensions.get("group_by", ()))
    read = (*correlation.group_by, *measured_fields(correlation), *correlation.extra_fields)
    direct = [one for one in correlation.references if one in rules.selections]
    return tested | {name for one in direct for name in names_of(correlation, read, one)}


def _source(head: Head, found: Pack) -> tuple[str, str]:
    """Return the file that the rule stands in, and its text."""
    for name, text in found.texts.items():
        if any(isinstance(one, Read) and _is(one, head) for one in documents(name, text)):
            return PurePath(name).name, text.strip()
    return "", ""


def _is(one: Read, head: Head) -> bool:
    return head.id in {str(one.rule.id), one.rule.name, one.rule.title}


def _page(one: dict[str, Any]) -> Iterator[str]:
    number = f"Detection {one['number']}: " if one["number"] else ""
    yield f"{number}{one['title']}   ({one['name']}, {one['severity']})"
    yield from ("", one["description"])
    attack = "; ".join(f"{version}: {', '.join(ids)}" for version, ids in one["attack"].items())
    yield from ("", f"ATT&CK           {attack or 'none'}")
    yield f"Looks at events  {', '.join(one['event_types'])}"
    yield f"       that are  {'; '.join(one['rests_on'])}"
    yield f"         fields  {', '.join(one['fields'])}"
    yield from ("", "False positives", *(f"  - {text}" for text in one["false_positives"]))
    yield from ("", "Runbook", *(f"  {line}" for line in one["runbook"].splitlines()))
    yield from ("", one["file"], *(f"  {line}".rstrip() for line in one["sigma"].splitlines()), "")
