"""`nuxari-security dlq`: see what was buried and why, and send it again once the cause is gone."""

from __future__ import annotations

import asyncio
import base64
from typing import Annotated, Any

import typer
from nuxari_events.topics import BY_NAME, TOPICS, Topic
from rich.table import Table

from services.cli.screen import OUTPUT, fail, print_json
from shared.messaging.dead_letters import DeadLetter, read, replay
from shared.settings import StackSettings

_app = typer.Typer(help="Dead letters: messages that a consumer could not take.", no_args_is_help=True)

TopicName = Annotated[str, typer.Argument(help="The topic that the message was published to, such as access.activity.")]
LetterNumber = Annotated[int, typer.Argument(help="The letter's number in `dlq list`.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_app, name="dlq")


@_app.command("list")
def list_letters(
    topic: Annotated[str | None, typer.Argument(help="Only of this topic.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were sent again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per letter.")] = False,
) -> None:
    """Show the letters, oldest first: where each came from, who buried it, and why."""
    letters = [letter for letter in _letters(topic) if everything or not letter.replayed]
    if as_json:
        for letter in letters:
            print_json(_described(letter))
        return
    table = Table("topic", "letter", "code", "consumer", "from", "buried at", "sent again")
    for letter in letters:
        table.add_row(
            letter.topic,
            str(letter.letter),
            letter.code,
            letter.consumer,
            f"{letter.partition}/{letter.offset}",
            f"{letter.buried_at:%Y-%m-%d %H:%M:%S}Z",
            "yes" if letter.replayed else "no",
        )
    OUTPUT.print(table)


@_app.command()
def show(topic: TopicName, letter: LetterNumber) -> None:
    """Print one letter as JSON, with its key, headers and value (as text, or base64 where it is none)."""
    found = _one(topic, letter)
    headers = [[name, _text(value)] for name, value in found.headers]
    print_json({**_described(found), "key": _text(found.key), "headers": headers, "value": _text(found.value)})


@_app.command("replay")
def send_again(
    topic: TopicName,
    letter: Annotated[int | None, typer.Argument(help="The letter's number; leave it out with --all.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every letter that was not sent again yet.")] = False,
    code: Annotated[str | None, typer.Option(help="With --all: only those buried under this code.")] = None,
) -> None:
    """Send letters to their topic again, unchanged. A consumer that applied one before recognises it by its id."""
    if (letter is None) == (not everything):
        fail("dlq replay: name one letter, or --all")
    if letter is not None:
        letters = [_one(topic, letter)]
    else:
        letters = [found for found in _letters(topic) if not found.replayed and code in {None, found.code}]
    asyncio.run(replay(StackSettings().kafka, letters))
    OUTPUT.print(f"sent {len(letters)} letters to {topic} again", highlight=False)


def _one(topic: str, number: int) -> DeadLetter:
    found = next((letter for letter in _letters(topic) if letter.letter == number), None)
    return found or fail(f"dlq: {topic} has no letter {number}; `dlq list {topic} --all` shows them")


def _letters(name: str | None) -> list[DeadLetter]:
    return asyncio.run(read(StackSettings().kafka, topics=TOPICS if name is None else [_topic(name)]))


def _topic(name: str) -> Topic:
    return BY_NAME.get(name) or fail(f"dlq: there is no topic {name}; there are {', '.join(sorted(BY_NAME))}")


def _described(letter: DeadLetter) -> dict[str, Any]:
    return {
        "topic": letter.topic,
        "letter": letter.letter,
        "code": letter.code,
        "consumer": letter.consumer,
        "partition": letter.partition,
        "offset": letter.offset,
        "buried_at": letter.buried_at.isoformat(),
        "replayed": letter.replayed,
    }


def _text(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(value).decode()
