"""Which rules a command is about: after this, paths, numbers and names are rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from services.cli.screen import fail
from services.monitoring.domain.sigma import Head
from services.monitoring.sigma.chosen import chosen
from services.monitoring.sigma.loading import RulesError
from services.monitoring.sigma.pack import Pack, pack
from services.monitoring.sigma.reading import LARGEST_FILE

STORIES = "tests"
"""A directory of this name holds stories about rules and no rules."""


def texts_of(paths: Sequence[Path]) -> dict[str, str]:
    """Return the rule files, and those of directories without their stories, by path.

    Raises:
        FileNotFoundError: there is none.
    """
    files = [file for path in paths for file in (_rules_in(path) if path.is_dir() else [path])]
    if not files:
        raise FileNotFoundError("there is no .yml file")
    return {str(file): text_of(file) for file in files}


def text_of(file: Path) -> str:
    """Return the file's text; no more of it than is too much for a rule file."""
    with file.open("rb") as opened:
        return opened.read(LARGEST_FILE + 1).decode("utf-8-sig", errors="replace")


def rules_of(paths: Sequence[Path] | None) -> Pack:
    """Return the rules of the files over the pack's, the pack without any; a fault ends the command."""
    if not paths:
        return pack()
    try:
        return chosen(texts_of(paths))
    except RulesError as error:
        fail(f"nuxari-security: {error}")


def heads_called(name: str, rules: Pack) -> list[Head]:
    """Return the detections of that number, name or id; none ends the command."""
    found = [
        head
        for head in rules.raising.values()
        if name in (head.name, head.id) or name == str(head.extensions.get("detection", ""))
    ]
    return found or fail(f"nuxari-security: there is no detection '{name}'; `rules list` shows them")


def time_text(milliseconds: int | None) -> str | None:
    """Return the time as RFC 3339, in UTC."""
    if milliseconds is None:
        return None
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _rules_in(directory: Path) -> Iterator[Path]:
    for file in sorted(directory.rglob("*.y*ml")):
        if STORIES not in file.relative_to(directory).parts[:-1]:
            yield file
