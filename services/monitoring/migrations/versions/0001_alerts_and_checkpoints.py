"""Alerts, and the state of the correlation with the offsets it belongs to."""

from shared.persistence import ddl
from shared.persistence.migrate import script

revision = "0001"
down_revision = None

_TABLES = """
create table alert (
    tenant_id text not null, alert_id text not null,
    rule_id text not null, rule_number int not null, severity text not null,
    status text not null check (status in ('open', 'closed')), closure text,
    revision int not null, related_events_count bigint not null, content_hash bytea not null,
    first_seen timestamptz not null, last_seen timestamptz not null, raised_at timestamptz not null,
    body jsonb not null,
    primary key (tenant_id, alert_id),
    check ((status = 'closed') = (closure is not null))
);
create index alert_by_time on alert (tenant_id, last_seen desc, alert_id);
create table checkpoint (
    partition int primary key, epoch bigint not null, offsets jsonb not null, state bytea, saved_at timestamptz
);
grant select, insert, update on checkpoint to nuxari_monitoring;
"""


def upgrade() -> None:
    """Create the tables."""
    script(ddl.mechanism("monitoring") + _TABLES + ddl.tenant_table("alert", service="monitoring"))
