"""Kafka's jars: after this, every file on the broker's class path is the one that was locked."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from shared.embedded.child import StartError

if TYPE_CHECKING:
    from jgo.maven import Artifact

VERSION = "4.3.0"

LOCK = Path(__file__).with_name("kafka-jars.lock")
"""SHA-256 and name of every jar that may be on the class path."""

_COORDINATES = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"
"""slf4j-simple and no other logging: log4j's parent would pin an older kafka-clients for the broker."""

_DOWNLOADS = 4
"""At a time."""


def default_directory() -> Path:
    """Return where this user's jars are kept for all stacks of the machine."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nuxari" / f"kafka-{VERSION}"


def has_all_jars(directory: Path) -> bool:
    """Say whether every locked jar lies in the directory."""
    return all((directory / name).exists() for name in _locked())


def locked_jars(directory: Path) -> list[Path]:
    """Return Kafka's jars in the directory, each compared with the lock file; fetches what is missing there.

    Raises:
        StartError: they cannot be fetched, or one is not what it was when it was locked.
    """
    wanted = _locked()
    if not has_all_jars(directory):
        _fetch(directory, wanted)
    jars = [directory / name for name in wanted]
    for jar in jars:
        _check(jar, wanted[jar.name])
    return jars


def write_lock() -> None:
    """Write the lock file anew from what is resolved now: for a change of Kafka's version."""
    resolved = sorted(_resolved(), key=lambda jar: jar.name)
    LOCK.write_text("".join(f"{_sha256(jar)}  {jar.name}\n" for jar in resolved))


def _locked() -> dict[str, str]:
    return {name: digest for digest, name in map(str.split, LOCK.read_text().splitlines())}


def _fetch(directory: Path, wanted: dict[str, str]) -> None:
    resolved = _resolved()
    if difference := {jar.name for jar in resolved} ^ set(wanted):
        raise StartError(f"Kafka's jars are not those of {LOCK.name}: {', '.join(sorted(difference))}")
    directory.mkdir(parents=True, exist_ok=True)
    for jar in resolved:
        _check(jar, wanted[jar.name])
        _keep(jar, directory)


def _resolved() -> list[Path]:
    try:
        import jgo  # noqa: PLC0415 - slow to import, and only a machine that runs its own Kafka has it
    except ImportError:
        raise StartError("no jgo, which fetches Kafka: install the extra `embedded`, or name an own Kafka") from None
    try:
        # not jgo.build: it would fetch a whole JDK to tell modules from plain jars
        return _downloaded(jgo.resolve(_COORDINATES))
    except Exception as error:  # the library names no class of error of its own
        raise StartError(f"Kafka could not be fetched: {type(error).__name__}: {error}".splitlines()[0]) from error


def _downloaded(artifacts: Sequence[Artifact]) -> list[Path]:
    with ThreadPoolExecutor(_DOWNLOADS) as pool:
        try:
            return [Path(path) for path in pool.map(lambda artifact: artifact.resolve(), artifacts)]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _keep(jar: Path, directory: Path) -> None:
    """Put the jar there in one step: a stack that starts beside this one sees a whole file or none."""
    partial = directory / f".{jar.name}.{os.getpid()}"
    shutil.copyfile(jar, partial)
    partial.replace(directory / jar.name)


def _check(jar: Path, digest: str) -> None:
    if _sha256(jar) != digest:
        raise StartError(f"{jar.name} is not the jar of {LOCK.name}: its SHA-256 differs; remove {jar} and try again")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
