"""The tables that every service has, and how a tenant's table is fenced: SQL text for the services' migrations."""

from __future__ import annotations

import re


def mechanism(service: str) -> str:
    """Return the DDL of inbox, outbox, due work and idempotency keys, with the least rights for each login.

    The service may append to the outbox and never read it; the relay reads and clears it and nothing else.
    Inbox and due work hold ids and times alone, so that a batch of many tenants is claimed in one statement.
    """
    login, relay = f"nuxari_{service}", f"nuxari_{service}_relay"
    return f"""
create table inbox (
    consumer text not null, source text not null, event_id text not null,
    claimed_at timestamptz not null default now(),
    primary key (consumer, source, event_id)
);
create index inbox_by_age on inbox (claimed_at);
create table outbox (
    id bigint generated always as identity primary key,
    aggregatetype text not null, aggregateid text not null, type text not null,
    event_id text not null, tenant_id text not null, message_key text not null,
    payload text not null, headers jsonb not null,
    created_at timestamptz not null default now()
);
create table due_work (
    tenant_id text not null, kind text not null, key text not null, due_at timestamptz not null,
    attempts int not null default 0,
    primary key (tenant_id, kind, key)
);
create index due_work_by_time on due_work (due_at);
create table idempotency_key (
    tenant_id text not null, scope text not null, key text not null, request_hash bytea not null,
    status int, body bytea, created_at timestamptz not null default now(),
    primary key (tenant_id, scope, key)
);
create index idempotency_key_by_age on idempotency_key (created_at);
grant usage on schema public to {login}, {relay};
grant select, insert, delete on inbox to {login};
grant insert on outbox to {login};
grant select, delete on outbox to {relay};
grant select, insert, update, delete on due_work to {login};
{_fence("idempotency_key", login)}
"""


def tenant_table(name: str, *, service: str) -> str:
    """Return the DDL that fences an existing table by its `tenant_id`, for its owner too, and lets the service use it.

    Without a tenant set, no row is visible and none can be written.
    """
    if not re.fullmatch(r"[a-z_]+", name):
        raise ValueError(f"{name!r} is not a table name")
    return _fence(name, f"nuxari_{service}")


def audit_log(service: str) -> str:
    """Return the DDL of the audit log, one hash chain per tenant.

    The service may read and append; nobody changes or removes an entry, the owner of the table included.
    """
    return f"""
create table audit_event (
    tenant_id text not null, sequence bigint not null check (sequence > 0),
    at timestamptz not null, actor_id text, action text not null, target text not null, outcome text not null,
    detail jsonb not null check (jsonb_typeof(detail) = 'object'), reason text,
    policy jsonb check (jsonb_typeof(policy) = 'object'), ip text, session_id text, correlation_id text,
    previous_hash bytea not null check (length(previous_hash) = 32), hash bytea not null check (length(hash) = 32),
    primary key (tenant_id, sequence)
);
create function refuse_change_of_audit_event() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is only appended to';
end $$;
create trigger audit_event_is_append_only before update or delete on audit_event
    for each row execute function refuse_change_of_audit_event();
create trigger audit_event_is_not_emptied before truncate on audit_event
    for each statement execute function refuse_change_of_audit_event();
{_fence("audit_event", f"nuxari_{service}", rights="select, insert")}
"""


def _fence(name: str, login: str, *, rights: str = "select, insert, update, delete") -> str:
    return f"""
alter table {name} enable row level security;
alter table {name} force row level security;
create policy {name}_of_tenant on {name}
    using (tenant_id = current_setting('nuxari.tenant', true))
    with check (tenant_id = current_setting('nuxari.tenant', true));
grant {rights} on {name} to {login};
"""
