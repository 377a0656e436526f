"""Where alerts are sent, as admins set it: kept, sealed where it is secret, and audited."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from nuxari_events.ids import uuid7

from services.monitoring.domain.errors import Refusal
from services.monitoring.domain.outbound import BOTH_SECRETS_FOR, MOST_TARGETS, TEST_TYPE, Health, Kind, Wanted
from services.monitoring.events import SOURCE
from services.monitoring.service.acting import Acting, record
from services.monitoring.service.outbound import delivery_test
from services.monitoring.store import outbound_queue, outbound_targets
from services.monitoring.store.outbound_queue import Message
from services.monitoring.store.outbound_targets import Target
from shared.persistence.database import Transaction
from shared.sealing import Seal

UNKNOWN = Refusal("not-found", "there is no such target")
NOTHING_TO_REPLAY = Refusal("nothing-to-replay", "it is still waiting, or there is none that could be sent again")
DISABLED = Refusal("target-disabled", "nothing is sent to it; enable it first")

WELL = Health(is_enabled=True, failures=0, failing_since=None)


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where something is sent, after it was found to be allowed."""

    text: str = field(repr=False)
    shown: str


@dataclass(frozen=True, kw_only=True)
class New:
    """What a target is to be."""

    kind: Kind
    name: str
    address: Address
    wanted: Wanted
    secret: str | None = field(default=None, repr=False)
    """Of a webhook."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is to be changed of a target; None: nothing."""

    name: str | None = None
    address: Address | None = None
    least_severity: str | None = None
    rules: frozenset[str] | None = None
    types: frozenset[str] | None = None
    is_enabled: bool | None = None


def owner(tenant_id: str, target_id: str) -> str:
    """Return whom the secrets of a target are sealed for."""
    return f"{tenant_id}/{target_id}"


async def register(transaction: Transaction, new: New, *, seal: Seal, acting: Acting, at: datetime) -> Target | Refusal:
    """Have alerts sent somewhere from now on."""
    target_id = uuid7()
    whose = owner(transaction.tenant_id or "", target_id)
    target = Target(
        target_id=target_id,
        kind=new.kind,
        name=new.name,
        address=seal.close(new.address.text.encode(), owner=whose),
        shown_address=new.address.shown,
        secret=None if new.secret is None else seal.close(new.secret.encode(), owner=whose),
        wanted=new.wanted,
        health=WELL,
        created_by=acting.actor_id,
        created_at=at,
        changed_at=at,
    )
    decision: Target | Refusal = target
    await outbound_targets.one_by_one(transaction)
    if len(await outbound_targets.of_kind(transaction, new.kind)) >= MOST_TARGETS:
        decision = Refusal("too-many-targets", f"a tenant has {MOST_TARGETS} of these at most", {"most": MOST_TARGETS})
    else:
        await outbound_targets.add(transaction, target)
    await _audit(transaction, "register", target, decision=decision, acting=acting, at=at, facts=_facts(target))
    return decision


async def change(
    transaction: Transaction, kind: Kind, target_id: str, *, wish: Wish, seal: Seal, acting: Acting, at: datetime
) -> Target | Refusal:
    """Change what is wished for; enabled again, it gets what has waited."""
    before = await _locked(transaction, kind, target_id)
    if before is None:
        return UNKNOWN
    changed = replace(_enabled(_changed(before, wish, seal, transaction.tenant_id or ""), wish, at=at), changed_at=at)
    await outbound_targets.save(transaction, changed)
    if changed.health.is_enabled and not before.health.is_enabled:
        await outbound_queue.wake(transaction, [target_id], at=at)
    await _audit(transaction, "change", changed, decision=changed, acting=acting, at=at, facts=_facts(changed))
    return changed


async def remove(
    transaction: Transaction, kind: Kind, target_id: str, *, acting: Acting, at: datetime
) -> Target | Refusal:
    """Send nothing there any more, and forget what was sent."""
    target = await _locked(transaction, kind, target_id)
    if target is None:
        return UNKNOWN
    await outbound_targets.remove(transaction, target_id)
    await _audit(transaction, "remove", target, decision=target, acting=acting, at=at, facts=_facts(target))
    return target


async def rotate(
    transaction: Transaction, target_id: str, *, secret: str, seal: Seal, acting: Acting, at: datetime
) -> Target | Refusal:
    """Sign with a new secret, and for a day with the one before too."""
    target = await _locked(transaction, Kind.WEBHOOK, target_id)
    if target is None:
        return UNKNOWN
    until = at + BOTH_SECRETS_FOR
    changed = replace(
        target,
        secret=seal.close(secret.encode(), owner=owner(transaction.tenant_id or "", target_id)),
        previous_secret=target.secret,
        previous_until=until,
        changed_at=at,
    )
    await outbound_targets.save(transaction, changed)
    facts = {"both_count_until": until}
    await _audit(transaction, "rotate", changed, decision=changed, acting=acting, at=at, facts=facts)
    return changed


async def try_out(
    transaction: Transaction, kind: Kind, target_id: str, *, acting: Acting, at: datetime
) -> str | Refusal:
    """Have a message sent that says nothing but that it arrived; return its id."""
    target = await _locked(transaction, kind, target_id)
    if target is None:
        return UNKNOWN
    decision: str | Refusal = DISABLED
    if target.health.is_enabled:
        decision = uuid7()
        body = delivery_test(
            decision, source=SOURCE, tenant_id=transaction.tenant_id or "", target_id=target_id, name=target.name, at=at
        )
        message = Message(decision, TEST_TYPE, target_id, body)
        await outbound_queue.put(transaction, [message], [(target_id, decision)], at=at)
    await _audit(transaction, "test", target, decision=decision, acting=acting, at=at, facts={})
    return decision


async def replay(
    transaction: Transaction, kind: Kind, target_id: str, *, delivery_id: str | None, acting: Acting, at: datetime
) -> int | Refusal:
    """Have one finished delivery, or all dead ones, sent again; return how many these are."""
    target = await _locked(transaction, kind, target_id)
    if target is None:
        return UNKNOWN
    count = await outbound_queue.replay(transaction, target_id, delivery_id=delivery_id, at=at)
    if count and target.health.is_enabled:
        await outbound_queue.wake(transaction, [target_id], at=at)
    decision: int | Refusal = count if count or delivery_id is None else NOTHING_TO_REPLAY
    facts = {"delivery_id": delivery_id, "count": count}
    await _audit(transaction, "replay", target, decision=decision, acting=acting, at=at, facts=facts)
    return decision


async def _locked(transaction: Transaction, kind: Kind, target_id: str) -> Target | None:
    target = await outbound_targets.by_id(transaction, target_id, lock=True)
    return target if target is not None and target.kind is kind else None


def _changed(target: Target, wish: Wish, seal: Seal, tenant_id: str) -> Target:
    wanted = Wanted(
        least_severity=wish.least_severity or target.wanted.least_severity,
        rules=target.wanted.rules if wish.rules is None else wish.rules,
        types=target.wanted.types if wish.types is None else wish.types,
    )
    changed = replace(target, name=wish.name or target.name, wanted=wanted)
    if wish.address is None:
        return changed
    sealed = seal.close(wish.address.text.encode(), owner=owner(tenant_id, target.target_id))
    return replace(changed, address=sealed, shown_address=wish.address.shown)


def _enabled(target: Target, wish: Wish, *, at: datetime) -> Target:
    if wish.is_enabled is None or wish.is_enabled == target.health.is_enabled:
        return target
    if wish.is_enabled:
        return replace(target, health=WELL, disabled_reason=None, disabled_at=None)
    return replace(target, health=replace(target.health, is_enabled=False), disabled_reason="asked", disabled_at=at)


def _facts(target: Target) -> dict[str, Any]:
    return {
        "kind": target.kind.value,
        "name": target.name,
        "address": target.shown_address,
        "least_severity": target.wanted.least_severity,
        "rules": target.wanted.rules,
        "types": target.wanted.types,
        "is_enabled": target.health.is_enabled,
    }


async def _audit(
    transaction: Transaction,
    what: str,
    target: Target,
    *,
    decision: object,
    acting: Acting,
    at: datetime,
    facts: dict[str, Any],
) -> None:
    await record(
        transaction,
        f"{target.kind.value}.{what}",
        target=target.target_id,
        decision=decision,
        acting=acting,
        at=at,
        facts=facts,
    )
