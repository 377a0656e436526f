"""Keys that lie in files: made once by whoever needs them first, read by all, and named in errors but never quoted."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path


class KeyFileError(Exception):
    """A key file does not hold what it should; the text names the file, never its content."""


def kept(path: Path, make: Callable[[], str]) -> str:
    """Return the file's text; of two processes that make it at once, both get the same.

    Raises:
        KeyFileError: it cannot be read, or is not there and cannot be made.
    """
    if path.exists():
        return text(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
        _link_once(new, path)
    except OSError as error:
        raise KeyFileError(f"{path} is not there and cannot be made: {error.strerror}") from None
    return text(path)


def text(path: Path) -> str:
    """Return the file's text.

    Raises:
        KeyFileError: it cannot be read.
    """
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KeyFileError(f"{path} is no text file") from None


def _link_once(new: Path, path: Path) -> None:
    try:
        os.link(new, path)
    except FileExistsError:
        return
    finally:
        new.unlink()
