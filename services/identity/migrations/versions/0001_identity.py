"""Tenants, users, roles, invitations, factors and sessions."""

from shared.persistence import ddl
from shared.persistence.migrate import script

revision = "0001"
down_revision = None

_TABLES = """
create table tenant (
    tenant_id text not null primary key, name text not null, created_at timestamptz not null
);
create table tenant_user (
    tenant_id text not null, user_id text not null, email text not null,
    status text not null check (status in ('invited', 'active', 'deactivated')),
    invited_by text, invited_at timestamptz not null, changed_at timestamptz not null,
    password_hash text,
    failures int not null default 0 check (failures >= 0), locked_until timestamptz,
    tokens_at timestamptz,
    primary key (tenant_id, user_id),
    unique (tenant_id, email),
    foreign key (tenant_id) references tenant (tenant_id)
);
create table role_assignment (
    tenant_id text not null, assignment_id text not null, user_id text not null, role text not null,
    origin text not null check (origin in ('bootstrap', 'direct', 'pim')),
    begins_at timestamptz not null, ends_at timestamptz, assigned_by text,
    ended_at timestamptz, ended_by text,
    primary key (tenant_id, assignment_id)
);
create index role_assignment_open on role_assignment (tenant_id, user_id) where ended_at is null;
create index role_assignment_of_owners on role_assignment (tenant_id) where role = 'client_owner' and ended_at is null;
create table invitation (
    tenant_id text not null, invitation_id text not null, user_id text not null,
    secret_hash bytea not null check (length(secret_hash) = 32),
    expires_at timestamptz not null, used_at timestamptz,
    primary key (tenant_id, invitation_id),
    foreign key (tenant_id, user_id) references tenant_user (tenant_id, user_id)
);
create index invitation_by_user on invitation (tenant_id, user_id);
create table factor (
    tenant_id text not null, factor_id text not null, user_id text not null,
    sealed_secret bytea not null, created_at timestamptz not null, confirmed_at timestamptz,
    last_step bigint not null default 0,
    primary key (tenant_id, factor_id),
    foreign key (tenant_id, user_id) references tenant_user (tenant_id, user_id)
);
create unique index factor_confirmed on factor (tenant_id, user_id) where confirmed_at is not null;
create index factor_by_user on factor (tenant_id, user_id);
create table recovery_code (
    tenant_id text not null, user_id text not null, code_hash bytea not null check (length(code_hash) = 32),
    used_at timestamptz,
    primary key (tenant_id, user_id, code_hash)
);
create table session (
    tenant_id text not null, session_id text not null, user_id text not null,
    begun_at timestamptz not null, idle_until timestamptz not null, absolute_end timestamptz not null,
    amr text[] not null, mfa_at timestamptz, ip text, user_agent text,
    ended_at timestamptz, end_reason text,
    primary key (tenant_id, session_id),
    foreign key (tenant_id, user_id) references tenant_user (tenant_id, user_id),
    check ((ended_at is null) = (end_reason is null))
);
create index session_open on session (tenant_id, user_id) where ended_at is null;
create table refresh_token (
    tenant_id text not null, session_id text not null,
    secret_hash bytea not null check (length(secret_hash) = 32),
    issued_at timestamptz not null, used_at timestamptz,
    primary key (tenant_id, session_id, secret_hash),
    foreign key (tenant_id, session_id) references session (tenant_id, session_id) on delete cascade
);
"""

_FENCED = (
    "tenant",
    "tenant_user",
    "role_assignment",
    "invitation",
    "factor",
    "recovery_code",
    "session",
    "refresh_token",
)


def upgrade() -> None:
    """Create the tables, each fenced by its tenant."""
    fences = "".join(ddl.tenant_table(table, service="identity") for table in _FENCED)
    script(ddl.mechanism("identity") + ddl.audit_log("identity") + _TABLES + fences)
