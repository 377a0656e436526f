"""Lists of credentials: by state, owner, kind and expiry, page by page in the order of their ids."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.credential_governance.domain.expiry import LEADS, ExpiryBand
from services.credential_governance.domain.model import Credential, State
from services.credential_governance.store.credentials import SELECT, credential_in
from shared.persistence.database import Transaction

_STATE = """
case when c.expires_at is null then 'active'
     when c.expires_at <= $7 then 'expired'
     when not isfinite(c.expires_at) then 'active'
     when c.expires_at - $7 <= $8::interval and (c.expires_at - $7) * $9::int <= c.expires_at - c.issued_at
         then 'expiring'
     else 'active' end
"""
"""`Credential.state` in SQL, with the domain's numbers; it multiplies because intervals divide inexactly."""

_PAGE = f"""{SELECT}
  and ($2::text is null or c.credential_id > $2)
  and ($3::text is null or c.owner_id = $3)
  and ($4::text is null or c.kind = $4)
  and ($5::timestamptz is null or c.expires_at < $5)
  and ($6::boolean is null or (c.orphaned_at is not null) = $6)
  and ($10::text is null or $10 = {_STATE})
order by c.credential_id limit $11
"""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which credentials are looked for; None leaves a question open."""

    state: State | None = None
    orphaned: bool | None = None
    owner_id: str | None = None
    """Who answers for it, or did until it was orphaned."""
    kind: str | None = None
    expires_before: datetime | None = None


async def page(
    transaction: Transaction, wanted: Wanted, *, at: datetime, after: str | None, limit: int
) -> list[Credential]:
    """Return up to `limit` whose id comes after that one, in the order of ids, as they stand at that moment."""
    warning = LEADS[ExpiryBand.WARNING]
    rows = await transaction.fetch(
        _PAGE,
        transaction.tenant_id,
        after,
        wanted.owner_id,
        wanted.kind,
        wanted.expires_before,
        wanted.orphaned,
        at,
        warning.longest,
        warning.share,
        wanted.state,
        limit,
    )
    return [credential_in(row) for row in rows]
