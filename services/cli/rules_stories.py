"""`nuxari-security rules test`: the stories of rules, and what differs from what they say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from services.cli.rules_catalogue import Rules
from services.cli.rules_files import STORIES, rules_of, text_of
from services.cli.screen import NOTES, OUTPUT, fail, print_json
from services.monitoring.sigma.pack import Pack, pack_stories
from services.monitoring.sigma.stories import StoryError, story_of
from services.monitoring.sigma.story_runs import Outcome, outcomes


def try_stories(
    stories: Annotated[list[Path] | None, typer.Argument(exists=True, help="Story files or directories.")] = None,
    *,
    rules: Rules = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a case.")] = False,
) -> None:
    """Run stories, the pack's by default, and say of each case whether it passed; a failure if one did not."""
    texts = _texts(stories, rules)
    found, passed, failed = rules_of(rules), 0, 0
    table = Table("story", "case", "outcome")
    for outcome in _outcomes(texts, found):
        passed, failed = passed + outcome.passed, failed + (not outcome.passed)
        if as_json:
            print_json(
                {
                    "story": outcome.file,
                    "case": outcome.says,
                    "passed": outcome.passed,
                    "problems": list(outcome.problems),
                }
            )
        elif not outcome.passed or stories:
            table.add_row(*_cells(outcome))
    if not as_json and table.row_count:
        OUTPUT.print(table)
    if failed:
        fail(f"nuxari-security: {failed} of {passed + failed} cases differ")
    if not as_json:
        OUTPUT.print(f"{passed} cases of {len(texts)} stories passed", highlight=False)


def _cells(outcome: Outcome) -> tuple[Text, Text, Text]:
    said = Text("passed", style="green") if outcome.passed else Text("\n".join(outcome.problems), style="red")
    return Text(Path(outcome.file).name), Text(outcome.says), said


def _outcomes(texts: dict[str, str], rules: Pack) -> Iterator[Outcome]:
    """Yield the outcome of each case; of what is no story, that it is none."""
    for file, text in texts.items():
        try:
            yield from outcomes(story_of(file, text), rules)
        except StoryError as error:
            yield Outcome(file=file, says="(the story)", problems=(str(error).removeprefix(f"{file}: "),))


def _texts(stories: Sequence[Path] | None, rules: Sequence[Path] | None) -> dict[str, str]:
    """Return the stories: those that are named, else those beside the rules, else the pack's."""
    if not stories and not rules:
        return dict(pack_stories())
    places = stories or [path / STORIES for path in rules or () if path.is_dir()]
    files = [file for path in places for file in (sorted(path.rglob("*.y*ml")) if path.is_dir() else [path])]
    if not files:
        NOTES.print("name the stories, or a directory of rules that has a directory 'tests'", highlight=False)
        fail("nuxari-security: there is no story")
    return {str(file): text_of(file) for file in files}
