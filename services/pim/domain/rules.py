"""What is granted and what is refused: every rule of eligibility and activation, as functions of state and time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.pim.domain.errors import Refusal
from services.pim.domain.model import (
    Activation,
    ActivationEnd,
    Eligibility,
    EligibilityEnd,
    EligibilityEndReason,
    EligibilityState,
    EndReason,
    HeldRole,
    PolicyUsed,
    StandingRole,
    User,
    UserStatus,
)
from services.pim.domain.role_settings import RoleSettings

LONGEST_ELIGIBILITY = timedelta(days=366)
"""One year, a leap day included, so that "the same day next year" is always allowed."""

FARTHEST_START = timedelta(days=366)
"""How far ahead an eligibility may begin."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What someone asks for when they make a user eligible."""

    user_id: str
    role: str
    reason: str
    starts_at: datetime | None
    """None: at once."""
    ends_at: datetime | None
    """None: permanent."""


@dataclass(frozen=True, kw_only=True)
class ActivationWish:
    """What the holder of an eligibility asks for."""

    user_id: str
    eligibility_id: str
    justification: str
    duration: timedelta | None
    """None: as long as the settings and the eligibility allow."""


def grant(
    wish: Grant, *, eligibility_id: str, user: User | None, by: str, may_grant_role: bool, at: datetime
) -> Eligibility | Refusal:
    """Decide whether the user becomes eligible; nobody makes themselves eligible (rule 5)."""
    starts_at = wish.starts_at or at
    refusal = _grant_refusal(wish, user=user, by=by, may_grant_role=may_grant_role)
    refusal = refusal or _period_refusal(starts_at, wish.ends_at, at=at)
    if refusal is not None:
        return refusal
    return Eligibility(
        eligibility_id=eligibility_id,
        user_id=wish.user_id,
        role=wish.role,
        starts_at=starts_at,
        ends_at=wish.ends_at,
        reason=wish.reason,
        granted_by=by,
        granted_at=at,
    )


def _grant_refusal(wish: Grant, *, user: User | None, by: str, may_grant_role: bool) -> Refusal | None:
    if wish.user_id == by:
        return Refusal("own-eligibility", "nobody makes themselves eligible; another administrator has to")
    if not may_grant_role:
        return OUT_OF_REACH
    if user is None:
        return NOT_KNOWN_YET
    if user.status is UserStatus.DEACTIVATED:
        return DEACTIVATED
    return None


def _period_refusal(starts_at: datetime, ends_at: datetime | None, *, at: datetime) -> Refusal | None:
    if starts_at < at:
        return Refusal("starts-in-the-past", "an eligibility begins now or later; leave starts_at out for now")
    if starts_at - at > FARTHEST_START:
        return Refusal("starts-too-late", f"an eligibility begins within {FARTHEST_START.days} days")
    if ends_at is not None and ends_at <= starts_at:
        return Refusal("ends-before-start", "an eligibility ends after it begins")
    if ends_at is not None and ends_at - starts_at > LONGEST_ELIGIBILITY:
        return Refusal("eligibility-too-long", f"at most {LONGEST_ELIGIBILITY.days} days, or permanent without ends_at")
    return None


def activate(
    wish: ActivationWish,
    *,
    activation_id: str,
    user: User | None,
    eligibility: Eligibility | None,
    settings: RoleSettings | None,
    policy: PolicyUsed | None,
    has_fresh_mfa: bool,
    at: datetime,
) -> Activation | Refusal:
    """Decide whether the role becomes the user's; the whole of one policy has to be met."""
    refusal = _person_refusal(user)
    if refusal is not None:
        return refusal
    if eligibility is None or eligibility.user_id != wish.user_id or settings is None or policy is None:
        return NO_ELIGIBILITY
    refusal = _eligibility_refusal(eligibility, at=at) or _policy_refusal(wish, settings, has_fresh_mfa=has_fresh_mfa)
    if refusal is not None:
        return refusal
    longest = longest_activation(eligibility, settings, at=at)
    duration = longest if wish.duration is None else wish.duration
    if duration > longest:
        return _too_long(longest)
    return Activation(
        activation_id=activation_id,
        eligibility_id=eligibility.eligibility_id,
        user_id=wish.user_id,
        role=eligibility.role,
        starts_at=at,
        ends_at=at + duration,
        justification=wish.justification.strip(),
        policy=policy,
    )


def longest_activation(eligibility: Eligibility, settings: RoleSettings, *, at: datetime) -> timedelta:
    """Return how long an activation that begins now may last: the role's maximum, never past the eligibility's end."""
    if eligibility.ends_at is None:
        return settings.maximum_duration
    return min(settings.maximum_duration, eligibility.ends_at - at)


def _person_refusal(user: User | None) -> Refusal | None:
    if user is None:
        return NOT_KNOWN_YET
    if user.status is UserStatus.DEACTIVATED:
        return DEACTIVATED
    if user.status is UserStatus.INVITED:
        return Refusal("user-not-active", "the user has not accepted the invitation yet, as far as is known here")
    return None


def _eligibility_refusal(eligibility: Eligibility, *, at: datetime) -> Refusal | None:
    match eligibility.state(at):
        case EligibilityState.IN_FORCE:
            return None
        case EligibilityState.SCHEDULED:
            starts = eligibility.starts_at.isoformat()
            return Refusal("eligibility-not-started", "the eligibility begins later", {"starts_at": starts})
        case EligibilityState.EXPIRED | EligibilityState.REVOKED:
            return Refusal("eligibility-over", "the eligibility is over; ask for a new one")


def _policy_refusal(wish: ActivationWish, settings: RoleSettings, *, has_fresh_mfa: bool) -> Refusal | None:
    if settings.mfa_required and not has_fresh_mfa:
        return Refusal("mfa-required", "this role takes a second factor shown in this session within the last minutes")
    if len(wish.justification.strip()) < settings.justification_length:
        return Refusal(
            "justification-too-short",
            f"say why in {settings.justification_length} characters at least, blanks around it not counted",
            {"justification_length": settings.justification_length},
        )
    return None


def _too_long(longest: timedelta) -> Refusal:
    seconds = int(longest.total_seconds())
    return Refusal("duration-too-long", f"at most {seconds} s are allowed now", {"longest_seconds": seconds})


def expired(activation: Activation) -> Activation:
    """Return it with its time used up: it ended at its deadline, however late that is noticed."""
    return replace(activation, end=ActivationEnd(at=activation.ends_at, reason=EndReason.ENDED))


def ended_early(activation: Activation, *, reason: EndReason, by: str | None, at: datetime) -> Activation:
    """Return it ended before its time; the end lies within the activation, whatever another service's clock says."""
    moment = min(max(at, activation.starts_at), activation.ends_at)
    return replace(activation, end=ActivationEnd(at=moment, reason=reason, by=by))


def lapsed(eligibility: Eligibility) -> Eligibility:
    """Return it at its end.

    Raises:
        ValueError: it is permanent.
    """
    if eligibility.ends_at is None:
        raise ValueError("a permanent eligibility does not lapse")
    return replace(eligibility, end=EligibilityEnd(at=eligibility.ends_at, reason=EligibilityEndReason.EXPIRED))


def taken_back(eligibility: Eligibility, *, reason: EligibilityEndReason, by: str | None, at: datetime) -> Eligibility:
    """Return it ended before its time."""
    return replace(eligibility, end=EligibilityEnd(at=at, reason=reason, by=by))


def still_held_until(activation: Activation, others: Iterable[Activation]) -> datetime | None:
    """Return until when other activations keep the role that this one gave: the union of overlapping grants.

    `others` are the same user's activations that nobody ended; None where no other reaches beyond this one's end.
    """
    ends = [
        other.over_at
        for other in others
        if other.role == activation.role
        and other.activation_id != activation.activation_id
        and other.over_at > activation.over_at
    ]
    return max(ends, default=None)


def effective_roles(
    user: User | None, *, standing: Iterable[StandingRole], activations: Iterable[Activation], at: datetime
) -> tuple[HeldRole, ...]:
    """Return what the user holds at that moment: the union of live grants; nothing unless the user is active."""
    if user is None or user.status is not UserStatus.ACTIVE:
        return ()
    permanent = [s for s in standing if s.ends_at is None or at < s.ends_at]
    live = [a for a in activations if a.is_live(at)]
    roles = sorted({s.role for s in permanent} | {a.role for a in live})
    return tuple(_held(role, permanent, live) for role in roles)


def _held(role: str, standing: Iterable[StandingRole], live: Iterable[Activation]) -> HeldRole:
    kept = [s.ends_at for s in standing if s.role == role]
    activated = [a for a in live if a.role == role]
    ends = [*kept, *(a.over_at for a in activated)]
    known = [end for end in ends if end is not None]
    return HeldRole(
        role=role,
        until=max(known) if len(known) == len(ends) else None,
        standing=bool(kept),
        activation_ids=tuple(a.activation_id for a in activated),
    )


NOT_KNOWN_YET = Refusal("user-not-known-yet", "identity's event about this user has not arrived here yet; try again")
DEACTIVATED = Refusal("user-deactivated", "the user is deactivated")
NO_ELIGIBILITY = Refusal("not-found", "the caller has no such eligibility")
OUT_OF_REACH = Refusal("role-out-of-reach", "only an owner decides about client_owner and client_admin")
