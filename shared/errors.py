"""The two kinds of failure that a consumer tells apart: the world is down, or the message is at fault."""

from __future__ import annotations


class TransientError(Exception):
    """The world is down (database, broker, another service): back off and try again, in order, for ever."""


class PermanentError(Exception):
    """The message is at fault and will be at every try: bury it.

    `code` is stable, safe to log and to publish; the text may hold what the sender wrote and goes nowhere.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
