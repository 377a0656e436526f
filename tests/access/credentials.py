"""Tokens for tests: a key of identity's, what it says of somebody, and a verifier that knows the key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from joserfc.jwk import KeySet, OKPKey
from nuxari_events.identity import TokensRevoked, WatermarkData
from nuxari_events.roles import Role

from shared.access.tokens import Claims, TokenIssuer, TokenVerifier, Watermarks

NOON = datetime(2026, 3, 2, 12, 0, 0, 250_000, tzinfo=UTC)


def a_key() -> OKPKey:
    key = OKPKey.generate_key("Ed25519")
    key.ensure_kid()
    return key


def public(*keys: OKPKey) -> KeySet:
    """The key set as identity publishes it: without the private halves."""
    return KeySet.import_key_set(KeySet(list(keys)).as_dict(private=False))


def claims(
    *roles: Role,
    tenant_id: str = "acme",
    user_id: str = "ada",
    session_id: str = "s-1",
    ends: dict[Role, datetime] | None = None,
    mfa_at: datetime | None = None,
) -> Claims:
    return Claims(
        tenant_id=tenant_id,
        user_id=user_id,
        session_id=session_id,
        roles={role: (ends or {}).get(role) for role in roles},
        amr=("pwd", "otp") if mfa_at else ("pwd",),
        mfa_at=mfa_at,
    )


def a_verifier(*keys: OKPKey, watermarks: Watermarks | None = None) -> TokenVerifier:
    async def known() -> KeySet:
        return public(*keys)

    return TokenVerifier(known, watermarks if watermarks is not None else Watermarks())


def a_token(key: OKPKey, *roles: Role, at: datetime = NOON, **what: object) -> str:
    return TokenIssuer(key).issue(claims(*roles, **what), at=at)  # type: ignore[arg-type]


def a_watermark(
    *, not_before: datetime, tenant_id: str = "acme", user_id: str = "ada", session_id: str | None = None
) -> TokensRevoked:
    return TokensRevoked(
        source="/nuxari/identity",
        time=not_before,
        subject=user_id,
        tenantid=tenant_id,
        data=WatermarkData(user_id=user_id, session_id=session_id, not_before=not_before, reason="test"),
    )


def ago(**by: float) -> datetime:
    return NOON - timedelta(**by)
