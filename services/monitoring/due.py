"""Time in: what happens at its time, whoever is there to do it."""

from __future__ import annotations

from functools import partial

from services.monitoring.service import committing, configuring, deciding, digests
from services.monitoring.service.rulebooks import Rulebooks
from services.monitoring.sigma.pack import pack
from shared.clock import Clock
from shared.due import DueLoop, DueWork
from shared.persistence.database import Database


def make_loop(database: Database, *, clock: Clock, rulebooks: Rulebooks | None = None) -> DueLoop:
    """Return the loop that does what is due; without `rulebooks` it reads the pack for itself."""
    work: dict[str, DueWork] = {
        digests.KIND: digests.tell,
        committing.END_OF_SILENCE: partial(committing.end_silence, rulebooks=rulebooks or Rulebooks(pack)),
        configuring.END_OF_REQUEST: deciding.expire,
    }
    return DueLoop(database, clock, service="monitoring", work=work)
