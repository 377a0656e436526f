"""What activating a role takes, as policy: limits, defaults, and which change of it weakens a tenant's protection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.pim.domain.errors import Refusal

SHORTEST_MAXIMUM = timedelta(minutes=5)
LONGEST_MAXIMUM = timedelta(hours=24)
DEFAULT_MAXIMUM = timedelta(hours=8)
"""An activation's longest duration: 8 h unless set, from 5 min to 24 h per role (numbers of the domain)."""

LEAST_JUSTIFICATION = 10
"""Characters that a justification has at least; a tenant can ask for more, never for fewer."""

MOST_JUSTIFICATION = 200
"""More required characters would bring padding, not reasons."""


@dataclass(frozen=True, kw_only=True)
class RoleSettings:
    """What activating one role takes in one tenant."""

    role: str
    version: int
    """0 for the defaults, then one more with each change."""
    maximum_duration: timedelta
    justification_length: int
    mfa_required: bool
    changed_by: str | None = None
    changed_at: datetime | None = None

    def document(self) -> dict[str, str | int | bool]:
        """Return what is hashed and shown: the policy itself, without who changed it and when."""
        return {
            "role": self.role,
            "version": self.version,
            "maximum_duration_seconds": int(self.maximum_duration.total_seconds()),
            "justification_length": self.justification_length,
            "mfa_required": self.mfa_required,
        }


def default_settings(role: str, *, is_administrative: bool) -> RoleSettings:
    """Return what holds until a tenant decides otherwise; an administrative role always takes fresh MFA (rule 4)."""
    return RoleSettings(
        role=role,
        version=0,
        maximum_duration=DEFAULT_MAXIMUM,
        justification_length=LEAST_JUSTIFICATION,
        mfa_required=is_administrative,
    )


def change(
    old: RoleSettings,
    *,
    maximum_duration: timedelta,
    justification_length: int,
    mfa_required: bool,
    by: str | None,
    at: datetime,
) -> RoleSettings | Refusal:
    """Decide on new settings: what tightens takes effect at once, what weakens anything is a governed action (rule 6).

    A change that changes nothing returns the old settings.
    """
    new = replace(
        old,
        version=old.version + 1,
        maximum_duration=maximum_duration,
        justification_length=justification_length,
        mfa_required=mfa_required,
        changed_by=by,
        changed_at=at,
    )
    refusal = _limits_refusal(new)
    if refusal is not None:
        return refusal
    if weaker := weakenings(old, new):
        names = ", ".join(weaker)
        return Refusal("governed-action", f"this weakens {names}: it needs approval and was not changed")
    return old if _same_policy(old, new) else new


def weakenings(old: RoleSettings, new: RoleSettings) -> tuple[str, ...]:
    """Return what the change would weaken, by name; empty for a change that only tightens."""
    checks = {
        "maximum_duration": new.maximum_duration > old.maximum_duration,
        "justification_length": new.justification_length < old.justification_length,
        "mfa_required": old.mfa_required and not new.mfa_required,
    }
    return tuple(name for name, weaker in checks.items() if weaker)


def _limits_refusal(new: RoleSettings) -> Refusal | None:
    if not SHORTEST_MAXIMUM <= new.maximum_duration <= LONGEST_MAXIMUM:
        return Refusal("maximum-out-of-range", "the longest activation is from 5 minutes to 24 hours")
    if not LEAST_JUSTIFICATION <= new.justification_length <= MOST_JUSTIFICATION:
        return Refusal(
            "justification-out-of-range", f"from {LEAST_JUSTIFICATION} to {MOST_JUSTIFICATION} characters can be asked"
        )
    return None


def _same_policy(old: RoleSettings, new: RoleSettings) -> bool:
    return old.document() | {"version": 0} == new.document() | {"version": 0}
