"""Time in: credentials come nearer to their expiry."""

from __future__ import annotations

from collections.abc import Mapping

from services.credential_governance.service import expiry
from shared.clock import Clock
from shared.due import DueLoop, DueWork
from shared.persistence.database import Database

WORK: Mapping[str, DueWork] = {expiry.LOOK: expiry.look}


def make_loop(database: Database, *, clock: Clock) -> DueLoop:
    """Return the loop that notices crossed bands; any number of them may run."""
    return DueLoop(database, clock, service="credential_governance", work=WORK)
