"""A file's text as it streams by: after this, a JSON document larger than the memory is read value by value."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import Any

MAX_RECORD = 16 * 1024 * 1024
"""Characters of one record. Logs write them in kilobytes; a larger one is no record, or a broken file."""

_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder()


class BrokenTextError(Exception):
    """The text cannot be read on; says where and why."""


class TextStream:
    """The text of a file, of which only what is being looked at is kept."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._ended = False
        self._line, self._column = 1, 1
        """Of the first character that is kept."""
        self._lines_passed = 0

    def next_character(self) -> str:
        """Return the next character that is no space, without passing it; nothing at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def expect(self, characters: str) -> str:
        """Pass the next character, which has to be one of these, and return it.

        Raises:
            BrokenTextError: it is another one.
        """
        found = self.next_character()
        if not found or found not in characters:
            raise self._broken(f"{' or '.join(characters)} is needed", self._at)
        self._at += 1
        return found

    def value(self) -> tuple[Any, str]:
        """Pass one JSON value and return it with its text.

        Raises:
            BrokenTextError: there is none, or one of more than `MAX_RECORD` characters; nothing was passed.
        """
        self.next_character()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                where = error.pos - self._at  # what is kept may begin elsewhere when there is more of it
                if not self._more_of_a_record():
                    raise self._broken(error.msg, self._at + where) from None
            except (RecursionError, ValueError):
                raise self._broken("nested too deeply, or a number too long", self._at) from None
            else:
                text = self._text[self._at : end]
                if end < len(self._text) or not self._more():  # a number may go on in the next chunk
                    self._at += len(text)
                    return value, text

    def line(self) -> tuple[int, str] | None:
        """Pass one line and return it with its number; None at the end.

        Raises:
            BrokenTextError: it has more than `MAX_RECORD` characters.
        """
        end = self._text.find("\n", self._at)
        while end < 0:
            searched = len(self._text) - self._at
            if not self._more_of_a_record():
                break
            end = self._text.find("\n", self._at + searched)
        if end < 0 and self._at == len(self._text):
            return None
        if end < 0 and not self._ended:
            raise self._broken("a line too long for a record", self._at)
        end = len(self._text) if end < 0 else end
        text, self._at = self._text[self._at : end], min(end + 1, len(self._text))
        self._lines_passed += 1
        return self._lines_passed, text

    def first_line(self) -> str:
        """Return the first line that is not blank, without passing it; as much of it as a record may have."""
        self.next_character()
        self._lines_passed = self._place(self._at)[0] - 1
        while (end := self._text.find("\n", self._at)) < 0 and self._more_of_a_record():
            pass
        return self._text[self._at : end if end >= 0 else len(self._text)]

    def _more_of_a_record(self) -> bool:
        return len(self._text) - self._at <= MAX_RECORD and self._more()

    def _more(self) -> bool:
        """Keep the next chunk, twice as much as is kept already, so that a large value is not tried too often."""
        if self._ended:
            return False
        self._forget()
        wanted, before = 2 * len(self._text) + 1, len(self._text)
        while not self._ended and len(self._text) < wanted:
            self._text += self._decoded(next(self._chunks, None))
        return len(self._text) > before

    def _decoded(self, chunk: bytes | None) -> str:
        self._ended = chunk is None
        try:
            return self._decoder.decode(chunk or b"", final=self._ended)
        except UnicodeDecodeError:
            raise BrokenTextError("not UTF-8 text") from None

    def _forget(self) -> None:
        """Keep nothing that was passed."""
        self._line, self._column = self._place(self._at)
        self._text, self._at = self._text[self._at :], 0

    def _place(self, at: int) -> tuple[int, int]:
        lines = self._text.count("\n", 0, at)
        column = at - self._text.rfind("\n", 0, at) if lines else self._column + at
        return self._line + lines, column

    def _broken(self, why: str, at: int) -> BrokenTextError:
        line, column = self._place(at)
        return BrokenTextError(f"not JSON: line {line}, column {column}: {why}")
