"""What webhooks and notification targets have in common over HTTP: their form, deliveries, and who may do what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Depends, Request
from nuxari_events.alerts import Severity
from pydantic import Field, StringConstraints, model_validator

from services.monitoring.api import edge
from services.monitoring.domain.errors import Refusal
from services.monitoring.domain.outbound import Kind, Wanted
from services.monitoring.sending.means import Means
from services.monitoring.sending.reach import ForbiddenAddressError
from services.monitoring.service import targets as service
from services.monitoring.service.targets import Address, Wish
from services.monitoring.store import outbound_history, outbound_targets
from services.monitoring.store.outbound_targets import Target
from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.clock import Clock
from shared.persistence.database import Database, Transaction
from shared.web.bodies import RequestModel
from shared.web.guards import Requires
from shared.web.idempotency import once
from shared.web.paging import Cursor, Limit, decode_cursor, page
from shared.web.problems import Problem, not_found

Manager = Annotated[Caller, Depends(Requires(Permission.MANAGE_SECURITY_EVENTS, fresh_mfa=True))]
"""Who may say where alerts go: like any policy it takes a second factor shown just now."""

Label = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
]
RuleId = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,256}$")]
AddressText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2048)]
Rules = Annotated[tuple[RuleId, ...], Field(max_length=100)]
State = Literal["waiting", "delivered", "dead"]


@dataclass(frozen=True, kw_only=True)
class Office:
    """What the routes work with."""

    database: Database
    clock: Clock
    means: Means


class Change(RequestModel):
    """What is to be different; what is not named stays."""

    name: Label | None = None
    url: AddressText | None = None
    least_severity: Severity | None = None
    rules: Rules | None = None
    enabled: bool | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("at least one field must be named")
        return self

    def wish(self, address: Address | None, types: Iterable[str] | None) -> Wish:
        """Return it as the use case knows it."""
        return Wish(
            name=self.name,
            address=address,
            least_severity=None if self.least_severity is None else self.least_severity.value,
            rules=None if self.rules is None else frozenset(self.rules),
            types=None if types is None else frozenset(types),
            is_enabled=self.enabled,
        )


def wanted(least_severity: Severity, rules: Iterable[str], types: Iterable[str]) -> Wanted:
    """Return what a target wants."""
    return Wanted(least_severity=least_severity.value, rules=frozenset(rules), types=frozenset(types))


def forbidden(error: ForbiddenAddressError) -> Problem:
    """Return the refusal of an address."""
    return Problem(422, "address-not-allowed", str(error))


def refused(refusal: Refusal, kind: Kind) -> Problem:
    """Return the problem document of a refusal."""
    if refusal.code == "not-found":
        return not_found(_NAMES[kind])
    facts: dict[str, Any] = dict(refusal.facts)
    return Problem(409, refusal.code, refusal.detail, **facts)


_NAMES = {Kind.WEBHOOK: "webhook", Kind.NOTIFICATION: "notification target"}


def shown(target: Target) -> dict[str, Any]:
    """Return what may be seen of a target: neither its secret nor what follows the host in its address."""
    return {
        "target_id": target.target_id,
        "name": target.name,
        "url": target.shown_address,
        "least_severity": target.wanted.least_severity,
        "rules": sorted(target.wanted.rules),
        "types": sorted(target.wanted.types),
        "enabled": target.health.is_enabled,
        "disabled_reason": target.disabled_reason,
        "disabled_at": target.disabled_at,
        "failures": target.health.failures,
        "failing_since": target.health.failing_since,
        "last_success_at": target.last_success_at,
        "previous_secret_until": target.previous_until,
        "created_by": target.created_by,
        "created_at": target.created_at,
        "changed_at": target.changed_at,
    }


def add_common_routes(routes: APIRouter, kind: Kind, office: Office) -> None:
    """Add what can be done with targets of either kind."""
    _add_looks(routes, kind, office)
    _add_history(routes, kind, office)
    _add_acts(routes, kind, office)


def _add_looks(routes: APIRouter, kind: Kind, office: Office) -> None:
    @routes.get("", name=f"list_{kind.value}s")
    async def list_targets(caller: edge.Viewer) -> dict[str, Any]:
        """Return all of them, oldest first: there are 20 at most."""
        async with office.database.transaction(caller.tenant_id) as transaction:
            return {"items": [shown(one) for one in await outbound_targets.of_kind(transaction, kind)]}

    @routes.get("/{target_id}", name=f"get_{kind.value}")
    async def get_target(caller: edge.Viewer, target_id: edge.IdInPath) -> dict[str, Any]:
        """Return one."""
        async with office.database.transaction(caller.tenant_id) as transaction:
            return shown(await _found(transaction, kind, target_id))


def _add_history(routes: APIRouter, kind: Kind, office: Office) -> None:
    @routes.get("/{target_id}/deliveries", name=f"list_{kind.value}_deliveries")
    async def list_deliveries(
        caller: edge.Viewer,
        target_id: edge.IdInPath,
        *,
        state: State | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        """Return a page of what was sent there in the last 30 days, newest first; `state=dead` has the dead letters."""
        before = _number(cursor)
        async with office.database.transaction(caller.tenant_id) as transaction:
            await _found(transaction, kind, target_id)
            found = await outbound_history.page(transaction, target_id, state=state, before=before, limit=limit + 1)
        listed = page(found, limit=limit, key=lambda one: str(one["number"]))
        items = [{name: value for name, value in one.items() if name != "number"} for one in listed["items"]]
        return {**listed, "items": items}

    @routes.get("/{target_id}/deliveries/{delivery_id}", name=f"get_{kind.value}_delivery")
    async def get_delivery(caller: edge.Viewer, target_id: edge.IdInPath, delivery_id: edge.IdInPath) -> dict[str, Any]:
        """Return one delivery with each try."""
        async with office.database.transaction(caller.tenant_id) as transaction:
            await _found(transaction, kind, target_id)
            found = await outbound_history.delivery(transaction, target_id, delivery_id)
        if found is None:
            raise not_found("delivery")
        return found


def _add_acts(routes: APIRouter, kind: Kind, office: Office) -> None:
    @routes.delete("/{target_id}", status_code=204, name=f"delete_{kind.value}")
    async def delete_target(request: Request, caller: Manager, target_id: edge.IdInPath) -> None:
        """Send nothing there any more; what was sent is forgotten."""
        async with office.database.transaction(caller.tenant_id) as transaction:
            acting = edge.acting(request, caller)
            done = await service.remove(transaction, kind, target_id, acting=acting, at=office.clock.now())
        if isinstance(done, Refusal):
            raise refused(done, kind)

    @routes.post("/{target_id}/test", status_code=202, name=f"test_{kind.value}")
    async def test_target(request: Request, caller: Manager, target_id: edge.IdInPath) -> Any:  # noqa: ANN401 - an answer
        """Have a message sent there that says nothing but that it arrived; how that went is among the deliveries."""

        async def act(transaction: Transaction) -> dict[str, str] | Problem:
            acting = edge.acting(request, caller)
            done = await service.try_out(transaction, kind, target_id, acting=acting, at=office.clock.now())
            return refused(done, kind) if isinstance(done, Refusal) else {"message_id": done}

        return await once(request, database=office.database, caller=caller, act=act, status=202)

    @routes.post("/{target_id}/replay", status_code=202, name=f"replay_{kind.value}")
    async def replay_dead(request: Request, caller: Manager, target_id: edge.IdInPath) -> Any:  # noqa: ANN401 - an answer
        """Have all dead letters sent again, each under the id that it had."""
        return await _replay(request, caller, target_id, None, kind=kind, office=office)

    @routes.post("/{target_id}/deliveries/{delivery_id}/replay", status_code=202, name=f"replay_{kind.value}_delivery")
    async def replay_one(
        request: Request, caller: Manager, target_id: edge.IdInPath, delivery_id: edge.IdInPath
    ) -> Any:  # noqa: ANN401 - an answer
        """Have one delivery that was delivered or is dead sent again, under the id that it had."""
        return await _replay(request, caller, target_id, delivery_id, kind=kind, office=office)


async def _replay(
    request: Request, caller: Caller, target_id: str, delivery_id: str | None, *, kind: Kind, office: Office
) -> Any:  # noqa: ANN401 - an answer
    async def act(transaction: Transaction) -> dict[str, int] | Problem:
        done = await service.replay(
            transaction,
            kind,
            target_id,
            delivery_id=delivery_id,
            acting=edge.acting(request, caller),
            at=office.clock.now(),
        )
        return refused(done, kind) if isinstance(done, Refusal) else {"replayed": done}

    return await once(request, database=office.database, caller=caller, act=act, status=202)


async def changed(
    request: Request, caller: Caller, target_id: str, wish: Wish, *, kind: Kind, office: Office
) -> dict[str, Any]:
    """Carry out a change and return what the target is now."""
    at: datetime = office.clock.now()
    async with office.database.transaction(caller.tenant_id) as transaction:
        done = await service.change(
            transaction, kind, target_id, wish=wish, seal=office.means.seal, acting=edge.acting(request, caller), at=at
        )
    if isinstance(done, Refusal):
        raise refused(done, kind)
    return shown(done)


async def _found(transaction: Transaction, kind: Kind, target_id: str) -> Target:
    target = await outbound_targets.by_id(transaction, target_id)
    if target is None or target.kind is not kind:
        raise not_found(_NAMES[kind])
    return target


def _number(cursor: str | None) -> int | None:
    key = decode_cursor(cursor)
    if key is None:
        return None
    if not (key[0].isascii() and key[0].isdecimal() and len(key[0]) <= 18):  # noqa: PLR2004 - digits of a bigint
        raise Problem(400, "bad-cursor", "`cursor` must be `next` of an earlier page of this list")
    return int(key[0])
