"""Second factors as rows: sealed TOTP secrets, and hashes of recovery codes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import asyncpg

from services.identity.domain.model import Factor
from shared.persistence.database import Transaction


async def add(transaction: Transaction, factor: Factor) -> None:
    """Keep a new factor that waits for its confirmation, in place of the user's earlier ones that do."""
    await transaction.execute(
        "delete from factor where tenant_id = $1 and user_id = $2 and confirmed_at is null",
        transaction.tenant_id,
        factor.user_id,
    )
    await transaction.execute(
        "insert into factor (tenant_id, factor_id, user_id, sealed_secret, created_at) values ($1, $2, $3, $4, $5)",
        transaction.tenant_id,
        factor.factor_id,
        factor.user_id,
        factor.sealed_secret,
        factor.created_at,
    )


async def found(transaction: Transaction, factor_id: str, *, user_id: str) -> Factor | None:
    """Return the user's factor, None if there is none of that id or it is somebody else's."""
    return _factor(
        await transaction.fetchrow(
            "select * from factor where tenant_id = $1 and factor_id = $2 and user_id = $3",
            transaction.tenant_id,
            factor_id,
            user_id,
        )
    )


async def confirmed_of(transaction: Transaction, user_id: str) -> Factor | None:
    """Return the user's confirmed factor, None if none is enrolled."""
    return _factor(
        await transaction.fetchrow(
            "select * from factor where tenant_id = $1 and user_id = $2 and confirmed_at is not null",
            transaction.tenant_id,
            user_id,
        )
    )


async def save(transaction: Transaction, factor: Factor) -> None:
    """Keep when it was confirmed and the newest code that was accepted."""
    await transaction.execute(
        "update factor set confirmed_at = $3, last_step = $4 where tenant_id = $1 and factor_id = $2",
        transaction.tenant_id,
        factor.factor_id,
        factor.confirmed_at,
        factor.last_step,
    )


async def replace_codes(transaction: Transaction, user_id: str, *, hashes: Iterable[bytes]) -> None:
    """Keep new recovery codes; earlier ones work no more."""
    await transaction.execute(
        "delete from recovery_code where tenant_id = $1 and user_id = $2", transaction.tenant_id, user_id
    )
    await transaction.execute(
        "insert into recovery_code (tenant_id, user_id, code_hash) select $1, $2, unnest($3::bytea[])",
        transaction.tenant_id,
        user_id,
        list(hashes),
    )


async def use_code(transaction: Transaction, user_id: str, *, code_hash: bytes, at: datetime) -> bool:
    """Use the code up; False if it is none of the user's or was used before."""
    tag = await transaction.execute(
        "update recovery_code set used_at = $4"
        " where tenant_id = $1 and user_id = $2 and code_hash = $3 and used_at is null",
        transaction.tenant_id,
        user_id,
        code_hash,
        at,
    )
    return tag == "UPDATE 1"


def _factor(row: asyncpg.Record | None) -> Factor | None:
    if row is None:
        return None
    return Factor(
        factor_id=row["factor_id"],
        user_id=row["user_id"],
        sealed_secret=row["sealed_secret"],
        created_at=row["created_at"],
        confirmed_at=row["confirmed_at"],
        last_step=row["last_step"],
    )
