"""Time in: an assignment ends when its time is used up, also when nobody announces it."""

from __future__ import annotations

from collections.abc import Mapping

from services.identity.service import roles
from shared.clock import Clock
from shared.due import DueLoop, DueWork
from shared.persistence.database import Database

WORK: Mapping[str, DueWork] = {roles.END_DUE: roles.expire}


def make_loop(database: Database, *, clock: Clock) -> DueLoop:
    """Return the loop that ends what has run out; any number of them may run."""
    return DueLoop(database, clock, service="identity", work=WORK)
