"""Ctrl-C and SIGTERM: after this, a request to stop never falls between a process and its record."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopAsked(KeyboardInterrupt):
    """Somebody asked the stack to stop. Of a kind that libraries let pass."""


class StopRequest:
    """Takes the signals for as long as its context lasts.

    A signal is kept, and raised as StopAsked where the work says that it may be given up.
    """

    def __init__(self) -> None:
        self._asked = False
        self._may_raise = False
        self._before: list[signal._HANDLER] = []

    def __enter__(self) -> Self:
        self._before = [signal.signal(number, self._note) for number in _SIGNALS]
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> bool:
        for number, handler in zip(_SIGNALS, self._before, strict=True):
            signal.signal(number, handler)
        return kind is StopAsked

    @contextlib.contextmanager
    def awaited(self) -> Iterator[None]:
        """Give up what is done in this context as soon as somebody asks, also if they asked before.

        Raises:
            StopAsked: they did.
        """
        self._may_raise = True
        try:
            if self._asked:
                raise StopAsked
            yield
        finally:
            self._may_raise = False

    def _note(self, _: int, __: FrameType | None) -> None:
        self._asked = True
        if self._may_raise:
            self._may_raise = False
            raise StopAsked
