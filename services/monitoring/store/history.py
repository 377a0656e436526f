"""What people, and the engine, did with an alert or an incident: only ever appended to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nuxari_events.ids import uuid7

from services.monitoring.domain.triage import Step
from shared.persistence.database import Transaction

_APPEND = """
insert into triage_history (tenant_id, about, about_id, entry_id, at, actor_id, kind, before, after, words)
select $1, $2, about_id, entry_id, $3, $4, kind, before, after, words
from unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
with ordinality as row(about_id, entry_id, kind, before, after, words, n) order by n
"""
MOST = 1_000
"""Lines that are shown of one alert or incident."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that was done."""

    about_id: str
    step: Step
    words: str | None = None
    """Why, or the text of a note."""
    entry_id: str | None = None


async def append(
    transaction: Transaction, about: str, lines: Sequence[Line], *, actor_id: str | None, at: datetime
) -> None:
    """Keep the lines.

    Args:
        transaction: of the tenant.
        about: `alert` or `incident`.
        lines: in order.
        actor_id: who did it; None for the engine.
        at: now.
    """
    rows = [(one.about_id, one.entry_id or uuid7(), *one.step, one.words) for one in lines]
    if rows:
        columns = map(list, zip(*rows, strict=True))
        await transaction.execute(_APPEND, transaction.tenant_id, about, at, actor_id, *columns)


async def of(transaction: Transaction, about: str, about_id: str) -> list[dict[str, Any]]:
    """Return the lines of one alert or incident, in order."""
    rows = await transaction.fetch(
        "select entry_id, at, actor_id, kind, before, after, words from triage_history"
        " where tenant_id = $1 and about = $2 and about_id = $3 order by number limit $4",
        transaction.tenant_id,
        about,
        about_id,
        MOST,
    )
    return [dict(row) for row in rows]
