"""Credentials, the expiry bands that were announced, and what identity said about people."""

from shared.persistence import ddl
from shared.persistence.migrate import script

revision = "0001"
down_revision = None

_TABLES = """
create table projected_user (
    tenant_id text not null, user_id text not null,
    status text not null check (status in ('unheard_of', 'invited', 'active', 'deactivated')),
    status_at timestamptz,
    primary key (tenant_id, user_id),
    check ((status_at is null) = (status = 'unheard_of'))
);
create table credential (
    tenant_id text not null, credential_id text not null,
    name text not null, kind text not null, notes text not null,
    issued_at timestamptz not null, expires_at timestamptz,
    owner_id text, owned_since timestamptz, orphaned_at timestamptz, reported_owner_id text,
    facts_at timestamptz not null, registered_at timestamptz not null,
    primary key (tenant_id, credential_id),
    foreign key (tenant_id, owner_id) references projected_user (tenant_id, user_id),
    check ((owner_id is null) = (owned_since is null)),
    check (orphaned_at is null or owner_id is not null)
);
create index credential_by_owner on credential (tenant_id, owner_id, credential_id);
create index credential_by_expiry on credential (tenant_id, expires_at);
create table crossed_band (
    tenant_id text not null, credential_id text not null, expires_at timestamptz not null,
    last_band text not null, crossed_at timestamptz not null,
    primary key (tenant_id, credential_id, expires_at),
    foreign key (tenant_id, credential_id) references credential (tenant_id, credential_id)
);
"""

_FENCED = ("projected_user", "credential", "crossed_band")


def upgrade() -> None:
    """Create the tables, each fenced by its tenant."""
    fences = "".join(ddl.tenant_table(table, service="credential_governance") for table in _FENCED)
    script(ddl.mechanism("credential_governance") + ddl.audit_log("credential_governance") + _TABLES + fences)
