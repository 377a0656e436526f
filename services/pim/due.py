"""Time in: activations and eligibilities end when their time is used up."""

from __future__ import annotations

from collections.abc import Mapping

from services.pim.service import activations, eligibilities
from shared.clock import Clock
from shared.due import DueLoop, DueWork
from shared.persistence.database import Database

WORK: Mapping[str, DueWork] = {
    activations.END_DUE: activations.expire,
    eligibilities.END_DUE: eligibilities.lapse,
}


def make_loop(database: Database, *, clock: Clock) -> DueLoop:
    """Return the loop that ends what has run out; any number of them may run."""
    return DueLoop(database, clock, service="pim", work=WORK)
