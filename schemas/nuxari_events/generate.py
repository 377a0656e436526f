"""`python -m nuxari_events.generate`: after this, what is published of the contract is what the models say."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nuxari_events.description import describe
from nuxari_events.snapshots import as_text, snapshots
from nuxari_events.topics import BY_EVENT_TYPE
from nuxari_events.wire import MalformedEventError, decode
from nuxari_events.yaml_text import as_yaml

SOURCES = Path(__file__).parent.parent
"""`schemas/` of a checkout."""


class BadExampleError(ValueError):
    """A golden instance is missing, is not an event of its type, or is of a type that is no more."""


def generated(sources: Path) -> dict[Path, str]:
    """Return every generated file with its text.

    Raises:
        BadExampleError: an example in `examples/` is missing or wrong; the message names it.
    """
    described = describe(golden_instances(sources / "examples"))
    return {
        **{sources / "snapshots" / f"{name}.json": as_text(schema) for name, schema in snapshots().items()},
        sources / "asyncapi.yaml": as_yaml(described),
        sources / "nuxari_events" / "asyncapi.json": as_text(described),
    }


def golden_instances(directory: Path) -> dict[str, Mapping[str, Any]]:
    """Return the one example of each event type, by type.

    Raises:
        BadExampleError: one is missing, wrong, or of a type that is no more; the message names it.
    """
    found = {path.stem: path.read_bytes() for path in sorted(directory.glob("*.json"))}
    if strays := found.keys() ^ BY_EVENT_TYPE.keys():
        raise BadExampleError(f"one example per event type is needed in {directory}; see {min(strays)}")
    return {name: _instance(name, text) for name, text in found.items()}


def _instance(name: str, text: bytes) -> Mapping[str, Any]:
    try:
        event = decode(BY_EVENT_TYPE[name], value=text)
    except MalformedEventError as error:
        raise BadExampleError(f"example {name}: {error}") from None
    if event.type != name:
        raise BadExampleError(f"example {name}: it is a {event.type}")
    instance: dict[str, Any] = json.loads(text)
    return instance


def outdated(files: Mapping[Path, str]) -> list[Path]:
    """Return the files that differ from what they should be, and the snapshots that should not be."""
    wrong = [path for path, text in files.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    directories = {path.parent for path in files if path.parent.name == "snapshots"}
    return sorted(wrong + [path for one in directories for path in one.glob("*.json") if path not in files])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or with `--check` say which ones differ; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m nuxari_events.generate", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file differs")
    parser.add_argument("--sources", type=Path, default=SOURCES, metavar="DIR", help="the schemas/ of a checkout")
    options = parser.parse_args(arguments)
    try:
        files = generated(options.sources)
    except BadExampleError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command prints
        return 1
    wrong = outdated(files)
    if options.check:
        return _report(wrong)
    _write(wrong, files)
    return 0


def _report(wrong: Sequence[Path]) -> int:
    for path in wrong:
        line = f"{path}: differs from the models; run python -m nuxari_events.generate"
        print(line, file=sys.stderr)  # noqa: T201 - as above
    return int(bool(wrong))


def _write(wrong: Sequence[Path], files: Mapping[Path, str]) -> None:
    for path in wrong:
        if path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
        else:
            path.unlink()
        print(f"{'wrote' if path in files else 'removed'} {path}")  # noqa: T201 - as above


if __name__ == "__main__":
    sys.exit(main())
