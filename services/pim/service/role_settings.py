"""What activating a role takes: read it, tighten it; whatever weakens it needs approval."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import rfc8785
from nuxari_events.roles import Role

from services.pim.domain.errors import Refusal
from services.pim.domain.model import PolicyUsed
from services.pim.domain.role_settings import RoleSettings, change, default_settings
from services.pim.service.acting import Acting
from services.pim.service.record import record
from services.pim.store import role_settings as store
from shared.persistence.database import Transaction

STALE = Refusal("version-stale", "the settings changed since they were read; read them again")


@dataclass(frozen=True, kw_only=True)
class Change:
    """New settings of a role, whole."""

    maximum_duration: timedelta
    justification_length: int
    mfa_required: bool

    def document(self) -> dict[str, object]:
        """Return them for the audit log."""
        return {
            "maximum_duration_seconds": self.maximum_duration,
            "justification_length": self.justification_length,
            "mfa_required": self.mfa_required,
        }


def policy_of(settings: RoleSettings) -> PolicyUsed:
    """Return what a decision under these settings is recorded with."""
    digest = hashlib.sha256(rfc8785.dumps(settings.document())).hexdigest()
    return PolicyUsed(version=settings.version, digest=digest)


async def settings_of(transaction: Transaction, role: str) -> RoleSettings:
    """Return what holds for the role, the defaults where the tenant decided nothing."""
    kept = await store.current(transaction, role)
    return kept or default_settings(role, is_administrative=Role(role).is_administrative)


async def tighten(
    transaction: Transaction, role: str, *, wish: Change, read_version: int, acting: Acting, at: datetime
) -> RoleSettings | Refusal:
    """Set the role's settings if that weakens nothing and they are still as the caller read them (`read_version`)."""
    old = await settings_of(transaction, role)
    decision = _decide(old, wish, read_version=read_version, by=acting.actor_id, at=at)
    if isinstance(decision, RoleSettings) and decision != old and not await store.add_version(transaction, decision):
        decision = STALE
    await record(
        transaction,
        "role_settings.change",
        target=role,
        decision=decision,
        policy=policy_of(decision if isinstance(decision, RoleSettings) else old),
        acting=acting,
        at=at,
        facts={"before": old.document(), "asked": wish.document()},
    )
    return decision


def _decide(
    old: RoleSettings, wish: Change, *, read_version: int, by: str | None, at: datetime
) -> RoleSettings | Refusal:
    if read_version != old.version:
        return STALE
    return change(
        old,
        maximum_duration=wish.maximum_duration,
        justification_length=wish.justification_length,
        mfa_required=wish.mfa_required,
        by=by,
        at=at,
    )
