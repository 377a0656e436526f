"""How people stand to alerts that are told outside, and what of them an announcement does not repeat."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from nuxari_events.alerts import AlertData, TriageState, Verdict
from nuxari_events.ocsf import Standing

from shared.persistence.database import Transaction

_STANDING = """
select alert_id, state, verdict, assignee, case when alert_id = any($3::text[]) then body end as body
from alert where tenant_id = $1 and alert_id = any($2::text[])
"""


class Stood(NamedTuple):
    """One alert as it stands."""

    standing: Standing
    data: AlertData | None
    """Where it was asked for."""


async def standing(transaction: Transaction, alert_ids: Collection[str], *, whole: Collection[str]) -> dict[str, Stood]:
    """Return how people stand to the alerts, and of those in `whole` what they say, by their ids."""
    rows = await transaction.fetch(_STANDING, transaction.tenant_id, sorted(alert_ids), sorted(whole))
    return {
        row["alert_id"]: Stood(
            Standing(
                TriageState(row["state"]), None if row["verdict"] is None else Verdict(row["verdict"]), row["assignee"]
            ),
            None if row["body"] is None else AlertData.model_validate_json(row["body"]),
        )
        for row in rows
    }
