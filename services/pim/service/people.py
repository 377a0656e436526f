"""What identity said: users and roles are projected here, and a deactivation ends all that is the user's."""

from __future__ import annotations

from datetime import datetime

from nuxari_events.envelope import Event
from nuxari_events.identity import RoleAssigned, RoleData, RoleRevoked, UserActivated, UserDeactivated, UserInvited

from services.pim.domain import rules
from services.pim.domain.model import EligibilityEndReason, EndReason, HeldRole, UserStatus
from services.pim.service import activations, eligibilities
from services.pim.service.acting import because_of
from services.pim.store import activations as activation_store
from services.pim.store import eligibilities as eligibility_store
from services.pim.store import people as store
from shared.persistence.database import Transaction


async def learn(transaction: Transaction, event: Event, *, at: datetime) -> None:
    """Take in one event of `identity.lifecycle`; what does not concern PIM changes nothing.

    An event that is older than what is known of its subject changes no status: replays and dead letters that come
    late do no harm.
    """
    match event:
        case UserInvited():
            await store.note_status(transaction, event.data.user_id, status=UserStatus.INVITED, at=event.time)
        case UserActivated():
            await store.note_status(transaction, event.data.user_id, status=UserStatus.ACTIVE, at=event.time)
        case UserDeactivated():
            await withdraw_all(transaction, event, at=at)
        case RoleAssigned():
            await _note_role(transaction, event, event.data, held=True)
        case RoleRevoked():
            await _note_role(transaction, event, event.data, held=False)
        case _:
            pass


async def withdraw_all(transaction: Transaction, event: UserDeactivated, *, at: datetime) -> None:
    """End every activation and eligibility of the user from the moment of the deactivation.

    If a later reactivation is known already, only what began before the deactivation ends.
    """
    user_id, since = event.data.user_id, event.time
    is_latest = await store.note_status(transaction, user_id, status=UserStatus.DEACTIVATED, at=since)
    await store.drop_roles(transaction, user_id, at=since)
    until = None if is_latest else since
    await _end_activations(transaction, event, begun_before=until, at=at)
    await _end_eligibilities(transaction, event, granted_before=until, at=at)


async def effective_roles(transaction: Transaction, user_id: str, *, at: datetime) -> tuple[HeldRole, ...]:
    """Return what the user holds now: roles that identity gave and live activations, as one union."""
    return rules.effective_roles(
        await store.known(transaction, user_id),
        standing=await store.standing_roles(transaction, user_id),
        activations=await activation_store.open_of(transaction, user_id),
        at=at,
    )


async def _end_activations(
    transaction: Transaction, event: UserDeactivated, *, begun_before: datetime | None, at: datetime
) -> None:
    acting = because_of(event)
    ended = [
        rules.ended_early(activation, reason=EndReason.USER_DEACTIVATED, by=event.actorid, at=event.time)
        for activation in await activation_store.open_of(transaction, event.data.user_id)
        if activation.ends_at > event.time and (begun_before is None or activation.starts_at < begun_before)
    ]
    await activations.close(transaction, ended, acting=acting, at=at, act="end_with_user")


async def _end_eligibilities(
    transaction: Transaction, event: UserDeactivated, *, granted_before: datetime | None, at: datetime
) -> None:
    acting, since = because_of(event), event.time
    open_now = await eligibility_store.open_of(transaction, event.data.user_id, granted_before=granted_before)
    for eligibility in open_now:
        if eligibility.ends_at is None or eligibility.ends_at > since:
            ended = rules.taken_back(
                eligibility, reason=EligibilityEndReason.USER_DEACTIVATED, by=event.actorid, at=since
            )
            await eligibilities.close(transaction, ended, acting=acting, at=at, act="end_with_user")


async def _note_role(transaction: Transaction, event: Event, data: RoleData, *, held: bool) -> None:
    await store.note_role(
        transaction,
        data.user_id,
        role=data.role,
        activation_id=data.activation_id,
        held=held,
        ends_at=data.ends_at,
        at=event.time,
    )
    if data.activation_id is not None:
        await _note_confirmation(transaction, data.activation_id, event, held=held)


async def _note_confirmation(transaction: Transaction, activation_id: str, event: Event, *, held: bool) -> None:
    """Write into the activation's timeline that identity carried its beginning or its end out."""
    if await activation_store.found(transaction, activation_id) is None:
        return
    kind = "confirmed" if held else "removal_confirmed"
    step = activation_store.Step(at=event.time, kind=kind, actor_id=event.actorid, note=None)
    await activation_store.add_step(transaction, activation_id, step)
