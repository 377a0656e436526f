"""Every decision in the audit log: who, what, from where, under which policy version, why, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.pim.domain.errors import Refusal
from services.pim.domain.model import PolicyUsed
from services.pim.service.acting import Acting
from shared.persistence.database import Transaction

DONE = "done"
"""Outcome of what was decided as asked; a refusal's outcome is its code."""


def outcome_of(decision: object) -> str:
    """Return the outcome that a decision is recorded with."""
    return decision.code if isinstance(decision, Refusal) else DONE


async def record(
    transaction: Transaction,
    action: str,
    *,
    subject: str,
    outcome: str,
    policy: PolicyUsed | None,
    acting: Acting,
    at: datetime,
    facts: Mapping[str, object],
) -> None:
    """Append one decision to the tenant's audit log."""
