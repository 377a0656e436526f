"""Alerts that are told together: which ones wait, and what they have in common."""

from __future__ import annotations

import json

from services.monitoring.domain.flood import MOST_GROUPS, Digest
from shared.persistence.database import Transaction

_CLAIM = """
with waiting as (
    update alert set digest_id = $3 where tenant_id = $1 and rule_id = $2 and told = 'digest' and digest_id is null
    returning severity, raised_at, related_events_count, body -> 'group' as named
)
select min(raised_at) as since, count(*) as count, count(distinct named) as group_count,
       (select jsonb_object_agg(severity, n)
            from (select severity, count(*) as n from waiting group by 1) as one) as severities,
       (select jsonb_agg(one) from (
            select named as group, count(*) as alerts, sum(related_events_count)::bigint as events
            from waiting group by named order by 3 desc, named limit $4) as one) as groups
from waiting
"""
_RULE = """
select body -> 'rule' as rule from alert where tenant_id = $1 and rule_id = $2 and digest_id = $3
order by raised_at desc, alert_id desc limit 1
"""


async def claim(transaction: Transaction, rule_id: str, *, digest_id: str) -> Digest | None:
    """Put every alert of the rule that waits into the digest; None if none does."""
    row = await transaction.fetchrow(_CLAIM, transaction.tenant_id, rule_id, digest_id, MOST_GROUPS)
    if row is None or not row["count"]:
        return None
    rule = await transaction.fetchval(_RULE, transaction.tenant_id, rule_id, digest_id)
    return Digest(
        rule=json.loads(rule),
        since=row["since"],
        count=row["count"],
        severities=json.loads(row["severities"]),
        groups=json.loads(row["groups"]),
        group_count=row["group_count"],
    )


async def is_waiting(transaction: Transaction, *, kind: str, key: str) -> bool:
    """Say whether the rule's next digest is due already."""
    return bool(
        await transaction.fetchval(
            "select true from due_work where tenant_id = $1 and kind = $2 and key = $3",
            transaction.tenant_id,
            kind,
            key,
        )
    )
