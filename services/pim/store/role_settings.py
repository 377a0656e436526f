"""Role settings as rows: every version is kept, the highest holds."""

from __future__ import annotations

import asyncpg

from services.pim.domain.role_settings import RoleSettings
from shared.persistence.database import Transaction

_COLUMNS = "role, version, maximum_duration, justification_length, mfa_required, changed_by, changed_at"


async def current(transaction: Transaction, role: str) -> RoleSettings | None:
    """Return the version that holds, None if the tenant never changed the defaults."""
    row = await transaction.fetchrow(
        f"select {_COLUMNS} from role_settings where tenant_id = $1 and role = $2"  # noqa: S608 - constants
        " order by version desc limit 1",
        transaction.tenant_id,
        role,
    )
    return None if row is None else _settings(row)


async def add_version(transaction: Transaction, settings: RoleSettings) -> bool:
    """Keep the next version; say False if somebody else wrote that version first."""
    tag = await transaction.execute(
        f"insert into role_settings (tenant_id, {_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8)"  # noqa: S608
        " on conflict do nothing",
        transaction.tenant_id,
        settings.role,
        settings.version,
        settings.maximum_duration,
        settings.justification_length,
        settings.mfa_required,
        settings.changed_by,
        settings.changed_at,
    )
    return tag == "INSERT 0 1"


def _settings(row: asyncpg.Record) -> RoleSettings:
    return RoleSettings(
        role=row["role"],
        version=row["version"],
        maximum_duration=row["maximum_duration"],
        justification_length=row["justification_length"],
        mfa_required=row["mfa_required"],
        changed_by=row["changed_by"],
        changed_at=row["changed_at"],
    )
