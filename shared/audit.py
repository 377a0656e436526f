"""Who did what, when, from where and why (NUXARI.md, rule 8): kept with what was decided, and shown to be complete."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from shared.persistence.audit_log import GENESIS, Entry, kept, plain
from shared.persistence.database import Transaction

__all__ = ["DONE", "START", "Entry", "Link", "Verdict", "page", "record", "verify"]

DONE = "done"
"""Outcome of what was decided as asked; a refusal's outcome is its code."""

_AT_ONCE = 200
"""Entries that are checked in one go: some 10 ms, in which nothing else is answered."""

_COLUMNS = (
    "tenant_id, sequence, at, actor_id, action, target, outcome, detail, reason, policy, ip, session_id,"
    " correlation_id, previous_hash, hash"
)


async def record(  # noqa: PLR0913 - an entry has that many facts, and most are named where they are known
    transaction: Transaction,
    *,
    at: datetime,
    actor_id: str | None,
    action: str,
    target: str,
    detail: Mapping[str, object],
    outcome: str = DONE,
    reason: str | None = None,
    policy: Mapping[str, object] | None = None,
    ip: str | None = None,
    session_id: str | None = None,
    correlation_id: str | None = None,
) -> None:
    """Enter what was decided in the log of the transaction's tenant; it is written if, and only if, that commits.

    Texts are cut at 2,048 characters, and secrets in them and under the names of such are redacted as in the logs.

    Args:
        transaction: has entered the tenant.
        at: when it was decided.
        actor_id: who decided; None where nobody did, such as at a deadline.
        action: what, as `domain.noun.verb`.
        target: the id of what it was done to.
        detail: the facts of it, for JSON; never a secret, a token or a hash of one.
        outcome: `done`, or the code of the refusal.
        reason: why, in the words of whoever decided.
        policy: under which version of which policy.
        ip: from where.
        session_id: in which session.
        correlation_id: what it belongs to.

    Raises:
        ValueError: the transaction has not entered a tenant, or a time has no offset.
        TypeError: `detail` or `policy` holds what does not belong into a log, such as bytes.
    """
    if transaction.tenant_id is None:
        raise ValueError("an audit entry belongs to a tenant: enter it first")
    entry = Entry(
        tenant_id=transaction.tenant_id,
        at=at,
        actor_id=_kept(actor_id),
        action=kept(action),
        target=kept(target),
        outcome=kept(outcome),
        detail=plain(detail),
        reason=_kept(reason),
        policy=None if policy is None else plain(policy),
        ip=_kept(ip),
        session_id=_kept(session_id),
        correlation_id=_kept(correlation_id),
    )
    transaction.enter_in_log(entry)


async def page(transaction: Transaction, *, before: int | None, limit: int) -> list[Entry]:
    """Return up to `limit` entries of the tenant, newest first; those before the sequence number where one is given."""
    rows = await transaction.fetch(
        f"select {_COLUMNS} from audit_event where tenant_id = $1"  # noqa: S608 - constants
        " and ($2::bigint is null or sequence < $2) order by sequence desc limit $3",
        transaction.tenant_id,
        before,
        limit,
    )
    return [_entry(row) for row in rows]


@dataclass(frozen=True)
class Link:
    """A place in a tenant's chain."""

    sequence: int
    hash: bytes
    """Of the entry there; noted elsewhere, it shows a log whose end was cut off."""


START = Link(0, GENESIS)
"""Before the first entry."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found when a tenant's log was checked."""

    entries: int
    """How many were checked and found unbroken."""
    last: Link
    """The last of them: where a further check goes on."""
    broken_at: int | None
    """The first place where an entry is missing or was changed; None if all is well."""
    complete: bool
    """Whether the check came to the end of the log, or to where it is broken."""


async def verify(transaction: Transaction, *, after: Link = START, at_most: int | None = None) -> Verdict:
    """Check the tenant's log, every hash and every link, from one place on.

    Args:
        transaction: has entered the tenant.
        after: the place before the first entry that is checked; an entry that does not continue it is a broken one.
        at_most: entries; None for all.
    """
    link, left = after, at_most
    while entries := await _after(transaction, link.sequence, at_most=left):
        for entry in entries:
            if not _follows(entry, link):
                return _verdict(after, link, broken_at=link.sequence + 1)
            link = Link(entry.sequence, entry.hash)
        left = None if left is None else left - len(entries)
    return _verdict(after, link, complete=left != 0)


def _verdict(after: Link, last: Link, *, broken_at: int | None = None, complete: bool = True) -> Verdict:
    return Verdict(entries=last.sequence - after.sequence, last=last, broken_at=broken_at, complete=complete)


def _follows(entry: Entry, link: Link) -> bool:
    try:
        digest = entry.digest()
    except ValueError:  # nothing that was ever written: a number, a text or a time that has no canonical form
        return False
    return (
        entry.sequence == link.sequence + 1
        and hmac.compare_digest(entry.previous_hash, link.hash)
        and hmac.compare_digest(digest, entry.hash)
    )


def _kept(text: str | None) -> str | None:
    return None if text is None else kept(text)


async def _after(transaction: Transaction, sequence: int, *, at_most: int | None) -> Sequence[Entry]:
    rows = await transaction.fetch(
        f"select {_COLUMNS} from audit_event where tenant_id = $1 and sequence > $2 order by sequence limit $3",  # noqa: S608
        transaction.tenant_id,
        sequence,
        _AT_ONCE if at_most is None else min(_AT_ONCE, at_most),
    )
    return [_entry(row) for row in rows]


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(
        tenant_id=row["tenant_id"],
        sequence=row["sequence"],
        at=row["at"],
        actor_id=row["actor_id"],
        action=row["action"],
        target=row["target"],
        outcome=row["outcome"],
        detail=json.loads(row["detail"]),
        reason=row["reason"],
        policy=None if row["policy"] is None else json.loads(row["policy"]),
        ip=row["ip"],
        session_id=row["session_id"],
        correlation_id=row["correlation_id"],
        previous_hash=row["previous_hash"],
        hash=row["hash"],
    )
