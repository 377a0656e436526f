"""What people make of alerts, the incidents they form, the risk they add up to, and what was told of all that."""

from shared.persistence import ddl
from shared.persistence.migrate import script

revision = "0004"
down_revision = "0003"

_ALERT = """
alter table alert
    add column mode text not null default 'live' check (mode in ('live', 'shadow')),
    add column told text not null default 'self' check (told in ('self', 'digest', 'nobody')),
    add column digest_id text,
    add column state text not null default 'new'
        check (state in ('new', 'acknowledged', 'in_progress', 'resolved', 'suppressed')),
    add column verdict text check (verdict in ('true_positive', 'benign', 'false_positive')),
    add column assignee text,
    add column version int not null default 1,
    add column has_new_evidence boolean not null default false,
    add column acknowledged_at timestamptz,
    add column resolved_at timestamptz,
    add column triaged_at timestamptz,
    add column incident_id text,
    add column words text generated always as (lower((body ->> 'title') || ' ' || (body ->> 'summary'))) stored,
    add check ((state = 'resolved') = (verdict is not null));
create index alert_by_state on alert (tenant_id, state, last_seen desc, alert_id);
create index alert_by_rule on alert (tenant_id, rule_id, raised_at);
create index alert_by_incident on alert (tenant_id, incident_id) where incident_id is not null;
create index alert_to_digest on alert (tenant_id, rule_id) where told = 'digest' and digest_id is null;
"""
_TABLES = """
create table alert_entity (
    tenant_id text not null, kind text not null, entity_id text not null, alert_id text not null,
    first_seen timestamptz not null, last_seen timestamptz not null,
    points real not null check (points >= 0), tactics text[] not null, counts boolean not null,
    primary key (tenant_id, kind, entity_id, alert_id),
    foreign key (tenant_id, alert_id) references alert on delete cascade
);
create index alert_entity_by_alert on alert_entity (tenant_id, alert_id);
create index alert_entity_by_time on alert_entity (tenant_id, last_seen) where counts;
create table incident (
    tenant_id text not null, incident_id text not null,
    state text not null check (state in ('open', 'in_progress', 'resolved', 'merged', 'taken_back')),
    verdict text check (verdict in ('true_positive', 'benign', 'false_positive')),
    assignee text, severity text not null,
    named_by text not null, named_at timestamptz not null,
    first_seen timestamptz not null, last_seen timestamptz not null,
    alert_count int not null, rules text[] not null, is_told boolean not null, told_count int not null,
    version int not null, triage_version int not null,
    opened_at timestamptz not null, changed_at timestamptz not null, merged_into text,
    primary key (tenant_id, incident_id),
    check ((state = 'resolved') = (verdict is not null)), check ((state = 'merged') = (merged_into is not null))
);
create index incident_by_time on incident (tenant_id, last_seen desc, incident_id);
create table triage_history (
    tenant_id text not null, about text not null check (about in ('alert', 'incident')), about_id text not null,
    number bigint generated always as identity, entry_id text not null,
    at timestamptz not null, actor_id text, kind text not null, before text, after text, words text,
    primary key (tenant_id, about, about_id, number)
);
create table alert_stream (tenant_id text primary key, last_sequence bigint not null);
create table alert_change (
    tenant_id text not null, sequence bigint not null, type text not null, event_id text not null,
    subject text not null, at timestamptz not null, actor_id text, body jsonb,
    primary key (tenant_id, sequence)
);
"""

_ONLY_APPENDED = "revoke update, delete on triage_history from nuxari_monitoring;"

_FENCED = ("alert_entity", "incident", "triage_history", "alert_stream", "alert_change")


def upgrade() -> None:
    """Add the columns and create the tables."""
    fences = "".join(ddl.tenant_table(name, service="monitoring") for name in _FENCED)
    script(_ALERT + _TABLES + ddl.audit_log("monitoring") + fences + _ONLY_APPENDED)
