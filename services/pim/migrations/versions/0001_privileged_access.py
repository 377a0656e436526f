"""Eligibilities, activations, role settings, and what identity said about people."""

from shared.persistence import ddl
from shared.persistence.migrate import script

revision = "0001"
down_revision = None

_TABLES = """
create table projected_user (
    tenant_id text not null, user_id text not null,
    status text not null check (status in ('invited', 'active', 'deactivated')),
    status_at timestamptz not null,
    primary key (tenant_id, user_id)
);
create table projected_role (
    tenant_id text not null, user_id text not null, role text not null, activation_id text not null default '',
    held boolean not null, ends_at timestamptz, changed_at timestamptz not null,
    primary key (tenant_id, user_id, role, activation_id)
);
create table eligibility (
    tenant_id text not null, eligibility_id text not null,
    user_id text not null, role text not null,
    starts_at timestamptz not null, ends_at timestamptz,
    reason text not null, granted_by text not null, granted_at timestamptz not null,
    ended_at timestamptz, end_reason text, ended_by text,
    primary key (tenant_id, eligibility_id),
    check ((ended_at is null) = (end_reason is null)),
    check (ends_at > starts_at)
);
create index eligibility_by_user on eligibility (tenant_id, user_id, eligibility_id);
create table activation (
    tenant_id text not null, activation_id text not null,
    eligibility_id text not null, user_id text not null, role text not null,
    starts_at timestamptz not null, ends_at timestamptz not null,
    justification text not null, policy_version int not null, policy_digest text not null,
    ended_at timestamptz, end_reason text, ended_by text,
    primary key (tenant_id, activation_id),
    foreign key (tenant_id, eligibility_id) references eligibility (tenant_id, eligibility_id),
    check ((ended_at is null) = (end_reason is null)),
    check (ends_at > starts_at),
    check (ended_at between starts_at and ends_at)
);
create index activation_by_user on activation (tenant_id, user_id, activation_id);
create index activation_open on activation (tenant_id, user_id) where ended_at is null;
create table activation_step (
    tenant_id text not null, activation_id text not null, position bigint generated always as identity,
    at timestamptz not null, kind text not null, actor_id text, note text,
    primary key (tenant_id, activation_id, position)
);
create table role_settings (
    tenant_id text not null, role text not null, version int not null check (version > 0),
    maximum_duration interval not null, justification_length int not null, mfa_required boolean not null,
    changed_by text not null, changed_at timestamptz not null,
    primary key (tenant_id, role, version)
);
"""

_FENCED = (
    "projected_user",
    "projected_role",
    "eligibility",
    "activation",
    "activation_step",
    "role_settings",
)


def upgrade() -> None:
    """Create the tables, each fenced by its tenant."""
    fences = "".join(ddl.tenant_table(table, service="pim") for table in _FENCED)
    script(ddl.mechanism("pim") + ddl.audit_log("pim") + _TABLES + fences)
