"""What is changed of a configuration: at once where it weakens nothing, else when another person approves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from nuxari_events.ids import uuid7

from services.monitoring.domain.change_requests import DIES_AFTER, Action, ChangeRequest
from services.monitoring.domain.configuration import Configuration, begun
from services.monitoring.domain.errors import Refusal
from services.monitoring.domain.governance import Set, Weakening, weakenings
from services.monitoring.domain.subjects import is_about
from services.monitoring.domain.validation import Wrong
from services.monitoring.service.acting import Acting, record
from services.monitoring.service.committing import commit
from services.monitoring.service.rulebooks import Rulebook, Rulebooks
from services.monitoring.service.validating import wrong
from services.monitoring.sigma.filters import condition_of
from services.monitoring.sigma.loading import RulesError
from services.monitoring.store import change_requests, configurations
from services.monitoring.store.configurations import Made
from shared import due
from shared.persistence.database import Transaction

STALE = Refusal("version-stale", "the configuration changed since it was read; read it again")
TOO_MANY = Refusal("too-many-requests-open", "so many changes wait for a decision: have them decided, or withdraw some")

MOST_OPEN = 100
"""Requests of a tenant that wait: more than anybody will read in the day that they live."""

END_OF_REQUEST = "configuration_change.expire"
"""A kind of due work."""


@dataclass(frozen=True)
class Invalid:
    """It cannot be what was asked for."""

    faults: tuple[Wrong, ...]


Outcome = Configuration | ChangeRequest | Refusal | Invalid
"""What counts now; or what waits for a second person; or why neither."""

Make = Callable[[Configuration, Rulebook], Configuration | Refusal | Invalid]
"""Returns what is wanted, from what counts now and the rules that there are."""


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What somebody wants, and why."""

    action: Action
    make: Make
    reason: str
    read_version: int | None = None
    """The version that it is made from; None: whichever counts."""
    restored_version: int | None = None


async def change(
    transaction: Transaction, intent: Intent, *, rulebooks: Rulebooks, acting: Acting, at: datetime
) -> Outcome:
    """Have the configuration changed, or ask another person to allow it where that weakens anything.

    What changes nothing leaves the version that counts; what cannot be is told and not recorded.
    """
    await configurations.lock(transaction)
    current = await configurations.current(transaction)
    book = await rulebooks.as_far_as_readable(current.own_rules)
    before = Set(current.without_ended(at), book.facts)
    wanted = await _wanted(intent, before, book, rulebooks=rulebooks, at=at)
    if isinstance(wanted, Refusal):
        return await _refused(transaction, wanted, intent, acting=acting, at=at)
    if isinstance(wanted, Invalid):
        return wanted
    if wanted.configuration.says_the_same_as(before.configuration):
        return current
    if weaker := weakenings(before, wanted):
        return await _ask(transaction, intent, before, wanted, weaker, acting=acting, at=at)
    made = Made(
        version=current.version + 1,
        changed_by=acting.actor_id,
        changed_at=at,
        reason=intent.reason,
        action=intent.action,
        restored_version=intent.restored_version,
    )
    return await commit(transaction, before, wanted, made=made, acting=acting, at=at)


async def _wanted(
    intent: Intent, before: Set, book: Rulebook, *, rulebooks: Rulebooks, at: datetime
) -> Set | Refusal | Invalid:
    if intent.read_version not in (None, before.configuration.version):
        return STALE
    wanted = intent.make(before.configuration, book)
    return await _checked(wanted, before, rulebooks=rulebooks, at=at) if isinstance(wanted, Configuration) else wanted


async def _checked(wanted: Configuration, before: Set, *, rulebooks: Rulebooks, at: datetime) -> Set | Invalid:
    """Return it with its rules; what was set for rules that are removed goes with them."""
    try:
        book = await rulebooks.opened(wanted.own_rules)
    except RulesError as error:
        return Invalid(tuple(Wrong(f"{one.file}:{one.line}", one.reason) for one in error.faults))
    wanted = wanted.without_rules(frozenset(before.rules.keys() - book.facts.keys()))
    faults = tuple(wrong(wanted, before.configuration, book, at=at))
    return Invalid(faults) if faults else Set(wanted, book.facts)


async def _ask(
    transaction: Transaction,
    intent: Intent,
    before: Set,
    wanted: Set,
    weaker: tuple[Weakening, ...],
    *,
    acting: Acting,
    at: datetime,
) -> ChangeRequest | Refusal:
    if await change_requests.open_count(transaction) >= MOST_OPEN:
        return await _refused(transaction, TOO_MANY, intent, acting=acting, at=at)
    request = ChangeRequest(
        change_id=uuid7(),
        wanted=replace(wanted.configuration, version=before.configuration.version),
        action=intent.action,
        restored_version=intent.restored_version,
        weakenings=weaker,
        about_requester=_is_about_requester(before.configuration, wanted.configuration, acting.actor_id),
        requested_by=acting.actor_id,
        requested_at=at,
        reason=intent.reason,
        expires_at=at + DIES_AFTER,
    )
    await change_requests.add(transaction, request)
    await due.schedule(transaction, kind=END_OF_REQUEST, key=request.change_id, due_at=request.expires_at)
    await record(
        transaction,
        "configuration.request",
        target=request.change_id,
        decision=request,
        acting=acting,
        at=at,
        facts={
            "base_version": request.base_version,
            "action": intent.action,
            "about_requester": request.about_requester,
            "weakenings": [vars(one) for one in weaker],
        },
        reason=intent.reason,
    )
    return request


def _is_about_requester(before: Configuration, wanted: Configuration, actor_id: str) -> bool:
    return any(is_about(one, condition_of(one), actor_id) for one in begun(before, wanted))


async def _refused(
    transaction: Transaction, refusal: Refusal, intent: Intent, *, acting: Acting, at: datetime
) -> Refusal:
    await record(
        transaction,
        "configuration.change",
        target="configuration",
        decision=refusal,
        acting=acting,
        at=at,
        facts={"action": intent.action, "read_version": intent.read_version},
        reason=intent.reason,
    )
    return refusal
