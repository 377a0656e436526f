"""The last owner (NUXARI.md, rule 2): a tenant that can be owned stays owned, whatever races."""

from __future__ import annotations

from collections.abc import Iterable

from services.identity.domain.errors import Refusal
from services.identity.domain.model import Owner, UserStatus

OWNER_ROLE = "client_owner"

LAST_OWNER = Refusal(
    "last-owner",
    "the tenant would have no active, MFA-enrolled Client Owner for good; make another one first",
)


def is_qualified(owner: Owner) -> bool:
    """Say whether the owner alone keeps the tenant owned: active, MFA-enrolled, and an owner for good."""
    return owner.status is UserStatus.ACTIVE and owner.has_factor and owner.is_permanent


def loses_last(owners: Iterable[Owner], *, leaving: str) -> bool:
    """Say whether nobody would be left to own the tenant if that user stopped being an owner.

    A user who is no owner may always leave. An owner may leave only if another qualified one stays: so the first
    owner of a new tenant, who has no second factor yet, cannot be removed either.

    Args:
        owners: everybody who holds the role now.
        leaving: the user who would hold it no more, or only for a while.
    """
    everybody = list(owners)
    if all(owner.user_id != leaving for owner in everybody):
        return False
    return not any(is_qualified(owner) for owner in everybody if owner.user_id != leaving)
