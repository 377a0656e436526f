"""Every decision in the audit log: who, what, from where, why, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.credential_governance.domain.errors import Refusal
from services.credential_governance.service.acting import Acting
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
    acting: Acting,
    at: datetime,
    facts: Mapping[str, object],
) -> None:
    """Append one decision to the tenant's audit log."""
