"""What tenants set for their detections, version by version, what waits for a second person, and who runs which."""

from shared.persistence import ddl
from shared.persistence.migrate import script

revision = "0003"
down_revision = "0002"

_TABLES = """
create table configuration_version (
    tenant_id text not null, version int not null check (version > 0),
    document jsonb not null, changed_by text not null, changed_at timestamptz not null, reason text,
    action text not null, restored_version int, change_id text,
    primary key (tenant_id, version)
);
create table configuration_change (
    tenant_id text not null, change_id text not null,
    state text not null check (state in ('requested', 'approved', 'denied', 'expired', 'withdrawn')),
    base_version int not null, document jsonb not null, action text not null, restored_version int,
    weakenings jsonb not null, about_requester boolean not null,
    requested_by text not null, requested_at timestamptz not null, reason text not null,
    expires_at timestamptz not null,
    decided_by text, decided_at timestamptz, decision_reason text, version int,
    primary key (tenant_id, change_id),
    check ((state = 'requested') = (decided_at is null)), check ((state = 'approved') = (version is not null)),
    check (decided_by is distinct from requested_by or state = 'withdrawn')
);
create index configuration_change_by_state on configuration_change (tenant_id, state, change_id);
create table configuration_running (
    tenant_id text not null, replica text not null,
    version int not null, wanted int not null, error text, at timestamptz not null,
    primary key (tenant_id, replica)
);
"""

_WITHOUT_TENANT = """
create table configuration_head (tenant_id text primary key, version int not null);
create table monitoring_replica (replica text primary key, seen_at timestamptz not null);
grant select, insert, update on configuration_head to nuxari_monitoring;
grant select, insert, update, delete on monitoring_replica to nuxari_monitoring;
"""
"""Ids, numbers and times alone, so that one statement tells a process what is new for all tenants."""

_ONLY_APPENDED = "revoke update, delete on configuration_version from nuxari_monitoring;"

_FENCED = ("configuration_version", "configuration_change", "configuration_running")


def upgrade() -> None:
    """Create the tables."""
    fences = "".join(ddl.tenant_table(name, service="monitoring") for name in _FENCED)
    script(_TABLES + fences + _WITHOUT_TENANT + _ONLY_APPENDED)
