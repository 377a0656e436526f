"""The audit log's chain: each entry holds the hash of the one before it, so a changed or missing one shows."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

import asyncpg
import rfc8785

from shared.telemetry.logging import REDACTED, names_secret, without_secrets

GENESIS = b"\0" * 32
"""What the first entry of a tenant names as the hash before it."""

_MOST_INTEGER = 2**53 - 1
"""The largest integer that RFC 8785 can write; a larger one is kept as text."""

LONGEST_TEXT = 2048
"""Characters, as in the events' free texts; the rest is cut off."""

DEEPEST = 16
"""Levels of lists and mappings that are kept; what has more may also contain itself."""

_ENTER = (
    "select set_config('nuxari.tenant', $1, true), pg_advisory_xact_lock(hashtextextended('audit_event ' || $1, 0))"
)
_HEAD = "select sequence, hash from audit_event where tenant_id = $1 order by sequence desc limit 1"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""NUL, and halves of surrogate pairs."""

_INSERT = """
insert into audit_event (tenant_id, sequence, at, actor_id, action, target, outcome, detail, reason, policy,
    ip, session_id, correlation_id, previous_hash, hash)
select $1, $2::bigint + n, at::timestamptz, actor_id, action, target, outcome, detail::jsonb, reason, policy::jsonb,
    ip, session_id, correlation_id, decode(previous_hash, 'hex'), decode(hash, 'hex')
from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[]) with ordinality
as row(at, actor_id, action, target, outcome, detail, reason, policy, ip, session_id, correlation_id,
    previous_hash, hash, n)
"""
"""Arrays of text alone: of others asyncpg first asks PostgreSQL for their types, while the chain is locked."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that was decided: who, what, when, from where, under which policy version, why."""

    tenant_id: str
    at: datetime
    actor_id: str | None
    """None: nobody decided, such as at a deadline."""
    action: str
    target: str
    outcome: str
    """`done`, or the code of the refusal."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    policy: Mapping[str, Any] | None = None
    """The version of what it was decided under."""
    ip: str | None = None
    session_id: str | None = None
    correlation_id: str | None = None
    sequence: int = 0
    """Its place in the tenant's log, from 1; 0 until it is written."""
    previous_hash: bytes = GENESIS
    hash: bytes = b""

    def chained(self, *, sequence: int, previous_hash: bytes) -> Entry:
        """Return it in its place in the chain."""
        placed = replace(self, sequence=sequence, previous_hash=previous_hash)
        return replace(placed, hash=placed.digest())

    def digest(self) -> bytes:
        """Return SHA-256 over the entry, without its own hash, as canonical JSON (RFC 8785)."""
        return hashlib.sha256(rfc8785.dumps(self._document())).digest()

    def _document(self) -> dict[str, Any]:
        return {
            "tenant_id": self.tenant_id,
            "sequence": self.sequence,
            "at": _time(self.at),
            "actor_id": self.actor_id,
            "action": self.action,
            "target": self.target,
            "outcome": self.outcome,
            "detail": self.detail,
            "reason": self.reason,
            "policy": self.policy,
            "ip": self.ip,
            "session_id": self.session_id,
            "correlation_id": self.correlation_id,
            "previous_hash": self.previous_hash.hex(),
        }


def plain(value: object) -> Any:  # noqa: ANN401 - JSON
    """Return the value as JSON that PostgreSQL gives back exactly as it took it, and without secrets.

    Times become RFC 3339 text, durations seconds, and a number with a fraction becomes text. What has the name of a
    secret (as for the logs) is redacted; texts are as `kept` returns them.

    Raises:
        TypeError: it is nothing that belongs into a log, such as bytes.
        ValueError: a time has no offset.
    """
    return _plain(value, 0)


def kept(text: str) -> str:
    """Return what is kept of a text: 2,048 characters at most, no secret it quotes, nothing PostgreSQL cannot store."""
    return without_secrets(_UNSTORABLE.sub("\ufffd", text))[:LONGEST_TEXT]


def _plain(value: object, depth: int) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping | set | frozenset | list | tuple):
        return "[nested too deep]" if depth >= DEEPEST else _plain_parts(value, depth + 1)
    return _scalar(value)


def _plain_parts(value: Mapping[Any, Any] | Collection[Any], depth: int) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        return {kept(str(name)): _named(str(name), part, depth) for name, part in value.items()}
    parts = [_plain(part, depth) for part in value]
    return sorted(parts, key=json.dumps) if isinstance(value, set | frozenset) else parts


def _named(name: str, value: object, depth: int) -> Any:  # noqa: ANN401 - JSON
    return REDACTED if names_secret(name) else _plain(value, depth)


def _scalar(value: object) -> str | int | bool | None:
    match value:
        case None | bool():
            return value
        case int():
            return int(value) if abs(value) <= _MOST_INTEGER else str(int(value))
        case str():
            return kept(str.__str__(value))
        case float():
            return str(value)
        case datetime():
            return _time(value)
        case timedelta():
            return _scalar(value.total_seconds() if value.microseconds else round(value.total_seconds()))
        case _:
            raise TypeError(f"a {type(value).__name__} cannot be kept in the audit log")


async def append(connection: asyncpg.pool.PoolConnectionProxy[Any], entries: Sequence[Entry]) -> None:
    """Write the entries at the ends of their tenants' chains, each tenant's in order and in one statement.

    The lock on a chain is taken last in a transaction, and in the order of the tenants: nobody who holds it waits for
    anything but another chain, so it is part of no deadlock. The connection is left in the last tenant.
    """
    by_tenant = attrgetter("tenant_id")
    for tenant_id, of_tenant in groupby(sorted(entries, key=by_tenant), key=by_tenant):
        await connection.execute(_ENTER, tenant_id)
        head = await connection.fetchrow(_HEAD, tenant_id)
        sequence, hash_ = (head["sequence"], head["hash"]) if head else (0, GENESIS)
        rows = [_row(entry) for entry in _chained(of_tenant, sequence=sequence, hash=hash_)]
        await connection.execute(_INSERT, tenant_id, sequence, *map(list, zip(*rows, strict=True)))


def _chained(entries: Any, *, sequence: int, hash: bytes) -> list[Entry]:  # noqa: A002, ANN401 - as the column is named
    chain = []
    for entry in entries:
        sequence += 1
        chain.append(entry.chained(sequence=sequence, previous_hash=hash))
        hash = chain[-1].hash  # noqa: A001
    return chain


def _row(entry: Entry) -> tuple[object, ...]:
    return (
        _time(entry.at),
        entry.actor_id,
        entry.action,
        entry.target,
        entry.outcome,
        json.dumps(entry.detail),
        entry.reason,
        None if entry.policy is None else json.dumps(entry.policy),
        entry.ip,
        entry.session_id,
        entry.correlation_id,
        entry.previous_hash.hex(),
        entry.hash.hex(),
    )


def _time(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("a time in the audit log has an offset")
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
