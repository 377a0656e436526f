"""Who becomes a user, who stops being one, who gives whom which role: every rule, as a function of state and time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from services.identity.domain import owners as last_owner
from services.identity.domain.errors import Refusal
from services.identity.domain.model import Assignment, Origin, Owner, User, UserStatus

NEEDS_MFA = frozenset({"client_security_admin"})
"""Roles whose privileges are inactive until a second factor is enrolled (NUXARI.md, rule 3)."""

LEAST_ROLE = "readonly_viewer"
"""What somebody without any effective role may still do: see the own profile and enrol a factor."""

LONGEST_ASSIGNMENT = timedelta(days=366)

NO_SUCH_USER = Refusal("not-found", "there is no such user")
OWN_ROLE = Refusal("own-role", "nobody assigns a role to themselves; another administrator does it")
OWN_ACCOUNT = Refusal("own-account", "nobody deactivates themselves; another administrator does it")
ALREADY_HELD = Refusal("already-held", "the user holds this role already")
NOT_HELD = Refusal("not-held", "the user does not hold this role by assignment; an activation is ended in PIM")
NOT_ACTIVE = Refusal("user-not-active", "the user is not active")
NOT_YET_ACTIVE = Refusal(
    "user-not-active", "the user has not accepted yet; until then only an invitation gives the role"
)
NOT_INVITED = Refusal("not-invited", "the user accepted an invitation already, or is deactivated")
OUT_OF_REACH = Refusal("role-out-of-reach", "the user holds a role that the caller may neither assign nor revoke")
MFA_REQUIRED = Refusal(
    "mfa-required", "an administrative role takes a second factor shown in this session within the last minutes"
)


def assign(
    user: User | None,
    held: Iterable[Assignment],
    *,
    role: str,
    is_administrative: bool,
    ends_at: datetime | None,
    assignment_id: str,
    by: str,
    at: datetime,
) -> Assignment | Refusal:
    """Give the role, unless the user is the giver, gone, or has it already.

    An administrative one is given to active users alone: whoever made an invited user's link, which need not be
    somebody who may give that role, could still use it and would have the role.
    """
    if user is None:
        return NO_SUCH_USER
    if user.user_id == by:
        return OWN_ROLE
    if refusal := _standing(user, is_administrative=is_administrative):
        return refusal
    if ends_at is not None and not at < ends_at <= at + LONGEST_ASSIGNMENT:
        return Refusal("bad-end", "an assignment ends later than now and within a year")
    if _direct(held, role, at=at) is not None:
        return ALREADY_HELD
    return Assignment(
        assignment_id=assignment_id,
        user_id=user.user_id,
        role=role,
        origin=Origin.DIRECT,
        begins_at=at,
        ends_at=ends_at,
        assigned_by=by,
    )


def _standing(user: User, *, is_administrative: bool) -> Refusal | None:
    if user.status is UserStatus.DEACTIVATED:
        return NOT_ACTIVE
    return NOT_YET_ACTIVE if user.status is UserStatus.INVITED and is_administrative else None


def revoke(
    user: User | None, held: Iterable[Assignment], *, role: str, owners: Iterable[Owner], by: str, at: datetime
) -> Assignment | Refusal:
    """Take a directly assigned role away, unless the tenant would lose its last owner."""
    if user is None:
        return NO_SUCH_USER
    assignment = _direct(held, role, at=at)
    if assignment is None:
        return NOT_HELD
    if role == last_owner.OWNER_ROLE and last_owner.loses_last(owners, leaving=user.user_id):
        return last_owner.LAST_OWNER
    return ended(assignment, by=by, at=at)


def deactivate(
    user: User | None,
    held: Iterable[Assignment],
    *,
    owners: Iterable[Owner],
    revocable: Collection[str],
    by: str,
    at: datetime,
) -> User | Refusal:
    """Take everything from the user. It takes what revoking each of the user's roles takes, and an owner stays."""
    if user is None:
        return NO_SUCH_USER
    if user.user_id == by:
        return OWN_ACCOUNT
    if user.status is UserStatus.DEACTIVATED:
        return Refusal("already-deactivated", "the user is deactivated already")
    if any(one.is_live(at) and one.role not in revocable for one in held):
        return OUT_OF_REACH
    if last_owner.loses_last(owners, leaving=user.user_id):
        return last_owner.LAST_OWNER
    return replace(user, status=UserStatus.DEACTIVATED, changed_at=at)


def invite_again(
    user: User | None,
    held: Iterable[Assignment],
    *,
    assignable: Collection[str],
    administrative: Collection[str],
    has_fresh_mfa: bool,
    at: datetime,
) -> User | Refusal:
    """Give a new link to an invited user. It takes what assigning each of the user's roles takes.

    Whoever gets the link could use it, and would have the roles.
    """
    if user is None:
        return NO_SUCH_USER
    if user.status is not UserStatus.INVITED:
        return NOT_INVITED
    roles = {one.role for one in held if one.is_live(at)}
    if not roles <= set(assignable):
        return OUT_OF_REACH
    return MFA_REQUIRED if roles & set(administrative) and not has_fresh_mfa else user


def reactivate(user: User | None, *, has_password: bool, at: datetime) -> User | Refusal:
    """Let the user sign in again, or be invited again who never did, without any of the roles held before."""
    if user is None:
        return NO_SUCH_USER
    if user.status is not UserStatus.DEACTIVATED:
        return Refusal("not-deactivated", "the user is not deactivated")
    status = UserStatus.ACTIVE if has_password else UserStatus.INVITED
    return replace(user, status=status, changed_at=at, failures=0, locked_until=None)


def ended(assignment: Assignment, *, by: str | None, at: datetime) -> Assignment:
    """Return the assignment with its end, which is never after the deadline it had."""
    moment = at if assignment.ends_at is None else min(at, assignment.ends_at)
    return replace(assignment, ended_at=moment, ended_by=by)


def effective_roles(user: User, held: Iterable[Assignment], *, at: datetime) -> Mapping[str, datetime | None]:
    """Return what the user may act as at that moment: the union of the live assignments, each role with its last end.

    A role that needs a second factor is left out until one is enrolled; whoever is left with nothing is a viewer.
    """
    if user.status is not UserStatus.ACTIVE:
        return {}
    union: dict[str, datetime | None] = {}
    for one in held:
        if one.is_live(at) and (user.has_factor or one.role not in NEEDS_MFA):
            union[one.role] = _later(union[one.role], one.ends_at) if one.role in union else one.ends_at
    return union or {LEAST_ROLE: None}


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    """None is never."""
    return None if one is None or other is None else max(one, other)


def _direct(held: Iterable[Assignment], role: str, *, at: datetime) -> Assignment | None:
    return next(
        (one for one in held if one.role == role and one.origin is not Origin.PIM and one.is_live(at)),
        None,
    )
