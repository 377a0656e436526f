"""Where alerts are sent to besides Kafka: targets, what is sent, and each try to do so."""

from shared.persistence import ddl
from shared.persistence.migrate import script

revision = "0005"
down_revision = "0004"

_TABLES = """
create table outbound_target (
    tenant_id text not null, target_id text not null,
    kind text not null check (kind in ('webhook', 'notification')), name text not null,
    address bytea not null, shown_address text not null,
    secret bytea, previous_secret bytea, previous_until timestamptz,
    least_severity text not null, rules text[] not null, types text[] not null,
    is_enabled boolean not null, disabled_reason text, disabled_at timestamptz,
    failures int not null default 0, failing_since timestamptz, last_success_at timestamptz,
    created_by text not null, created_at timestamptz not null, changed_at timestamptz not null,
    primary key (tenant_id, target_id),
    check ((kind = 'webhook') = (secret is not null)),
    check ((previous_secret is null) = (previous_until is null)),
    check (is_enabled = (disabled_at is null))
);
create table outbound_message (
    tenant_id text not null, message_id text not null, type text not null, subject text not null,
    body text not null, created_at timestamptz not null,
    primary key (tenant_id, message_id)
);
create index outbound_message_by_age on outbound_message (tenant_id, created_at);
create table outbound_delivery (
    tenant_id text not null, delivery_id text not null, number bigint generated always as identity,
    target_id text not null, message_id text not null,
    state text not null check (state in ('waiting', 'delivered', 'dead')),
    tries int not null default 0, tries_in_all int not null default 0, next_try_at timestamptz,
    created_at timestamptz not null, finished_at timestamptz,
    primary key (tenant_id, delivery_id),
    unique (tenant_id, target_id, message_id),
    foreign key (tenant_id, target_id) references outbound_target on delete cascade,
    foreign key (tenant_id, message_id) references outbound_message on delete cascade,
    check ((state = 'waiting') = (next_try_at is not null)), check ((state = 'waiting') = (finished_at is null))
);
create index outbound_delivery_waiting on outbound_delivery (tenant_id, target_id, next_try_at, number)
    where state = 'waiting';
create index outbound_delivery_by_target on outbound_delivery (tenant_id, target_id, number desc);
create index outbound_delivery_by_message on outbound_delivery (tenant_id, message_id);
create table outbound_try (
    tenant_id text not null, delivery_id text not null, number int not null,
    at timestamptz not null, milliseconds int not null, outcome text not null, status int,
    primary key (tenant_id, delivery_id, number),
    foreign key (tenant_id, delivery_id) references outbound_delivery on delete cascade
);
"""

_WITHOUT_TENANT = """
create table outbound_due (
    tenant_id text not null, target_id text not null, due_at timestamptz not null, taken_until timestamptz,
    primary key (tenant_id, target_id),
    foreign key (tenant_id, target_id) references outbound_target on delete cascade
);
create index outbound_due_by_time on outbound_due (due_at);
grant select, insert, update, delete on outbound_due to nuxari_monitoring;
"""
"""Ids and times alone, so that one statement finds what is due of all tenants."""

_FENCED = ("outbound_target", "outbound_message", "outbound_delivery", "outbound_try")


def upgrade() -> None:
    """Create the tables."""
    fences = "".join(ddl.tenant_table(name, service="monitoring") for name in _FENCED)
    script(_TABLES + _WITHOUT_TENANT + fences)
