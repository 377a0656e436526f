"""Starting again what dies: after this, a crash is one line on the screen and a wait that grows with the crashes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.stack.servers import Server
from shared.embedded.child import StartError

FIRST_DELAY = timedelta(seconds=0.5)
LONGEST_DELAY = timedelta(seconds=30)

HEALTHY_AFTER = timedelta(minutes=1)
"""A process that ran for so long is given the first delay again."""


@dataclass
class _Watched:
    server: Server
    launched: float
    delay: float = FIRST_DELAY.total_seconds()
    due: float | None = None
    """When it is to be started again; None while it runs."""


class Supervisor:
    """Looks after servers that were launched."""

    def __init__(
        self,
        servers: Sequence[Server],
        *,
        say: Callable[[str], None],
        launch: Callable[[Server], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take charge of the servers.

        Args:
            servers: all launched already.
            say: takes one line for a person.
            launch: starts one without waiting; may raise StartError.
            now: seconds of a clock that never goes back.
        """
        self._say, self._launch, self._now = say, launch, now
        self._watched = [_Watched(server, launched=now()) for server in servers]

    def look(self) -> None:
        """Note who died, and start again who is due."""
        for watched in self._watched:
            self._look_after(watched)

    def _look_after(self, watched: _Watched) -> None:
        if watched.server.child.pid is not None:
            self._note_health(watched)
        elif watched.due is None:
            watched.due = self._now() + watched.delay
            watched.delay = min(watched.delay * 2, LONGEST_DELAY.total_seconds())
        elif self._now() >= watched.due:
            self._start_again(watched)

    def _note_health(self, watched: _Watched) -> None:
        if self._now() - watched.launched >= HEALTHY_AFTER.total_seconds():
            watched.delay = FIRST_DELAY.total_seconds()

    def _start_again(self, watched: _Watched) -> None:
        server, code = watched.server, watched.server.child.exit_code
        watched.launched, watched.due = self._now(), None
        try:
            self._launch(server)
        except (StartError, OSError) as error:
            self._say(f"could not restart {server.name}: {error}; next try in {watched.delay:g} s")
        else:
            self._say(f"restarted {server.name} (pid {server.child.pid}) after exit {code}")
