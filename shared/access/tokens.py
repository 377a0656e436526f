"""Access tokens: issued by identity, checked everywhere, void the moment identity says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, OKPKey
from nuxari_events.identity import TokensRevoked
from nuxari_events.ids import uuid7
from nuxari_events.roles import Role, known_role
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.access.keys import KeyRing, KeySource, keys_at

__all__ = ["Caller", "Claims", "InvalidTokenError", "TokenIssuer", "TokenVerifier", "Watermarks", "keys_at"]

ISSUER = "nuxari-identity"
AUDIENCE = "nuxari-security"

ACCESS_TOKEN_LIFE = timedelta(minutes=5)
"""NUXARI.md, numbers."""

LONGEST_LIFE = timedelta(hours=1)
"""No token may live longer, whatever a tenant's policy says: watermarks are forgotten after twice this."""

FRESH = timedelta(minutes=15)
"""How old MFA may be for what needs it fresh (NUXARI.md, rule 4)."""

LONGEST_TOKEN = 8 * 1024
"""Characters; ours have fewer than 1,500."""

_ALGORITHMS = ["Ed25519"]
"""EdDSA over Curve25519 under its fully specified name (RFC 9864); no other, so that no token chooses its own."""

_TYPE = "at+jwt"
"""RFC 9068: another JWT that identity signs is not an access token."""


class InvalidTokenError(Exception):
    """The token does not prove who is calling; `code` says why and is safe to show."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who is calling, as identity attested it."""

    tenant_id: str
    user_id: str
    session_id: str
    roles: frozenset[Role]
    """Only those that are live now."""
    amr: tuple[str, ...]
    mfa_at: datetime | None
    issued_at: datetime

    def has_fresh_mfa(self, at: datetime, *, within: timedelta = FRESH) -> bool:
        """Say whether a second factor was shown in this session within that time."""
        return self.mfa_at is not None and at - self.mfa_at <= within


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a token is to say."""

    tenant_id: str
    user_id: str
    session_id: str
    roles: Mapping[Role, datetime | None]
    """Each role with its end; None for a permanent one."""
    amr: tuple[str, ...]
    mfa_at: datetime | None


class TokenIssuer:
    """Signs access tokens; only identity has the key."""

    def __init__(self, key: OKPKey) -> None:
        key.ensure_kid()
        self._key = key

    def issue(self, claims: Claims, *, at: datetime, life: timedelta = ACCESS_TOKEN_LIFE) -> str:
        """Return a signed JWT (RFC 9068). `iat` has microseconds: a watermark falls between two tokens.

        Raises:
            ValueError: `life` is longer than any token may live.
        """
        if life > LONGEST_LIFE:
            raise ValueError(f"a token lives {LONGEST_LIFE} at most, not {life}")
        body = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": claims.user_id,
            "tid": claims.tenant_id,
            "sid": claims.session_id,
            "roles": sorted(claims.roles),
            "role_ends": {role: end.timestamp() for role, end in claims.roles.items() if end is not None},
            "amr": list(claims.amr),
            "mfa_at": claims.mfa_at.timestamp() if claims.mfa_at else None,
            "iat": at.timestamp(),
            "exp": (at + life).timestamp(),
            "jti": uuid7(),
        }
        header = {"alg": _ALGORITHMS[0], "kid": self._key.kid, "typ": _TYPE}
        return jwt.encode(header, body, self._key, algorithms=_ALGORITHMS)


class Watermarks:
    """From when on a subject's tokens count again; in memory, filled from Kafka."""

    def __init__(self) -> None:
        self._marks: dict[tuple[str, str, str], float] = {}
        self._swept = 0.0

    def note(self, event: TokensRevoked) -> None:
        """Take a watermark in; an older one than is known changes nothing.

        Time is that of the events: on a replay nothing is old, and one from the future makes no other forgotten.
        """
        key = (event.tenantid, event.data.user_id, event.data.session_id or "")
        self._marks[key] = max(event.data.not_before.timestamp(), self._marks.get(key, 0.0))
        self._forget(min(event.time, event.data.not_before).timestamp())

    def voids(self, *, tenant_id: str, user_id: str, session_id: str, issued_at: float) -> bool:
        """Say whether a token of that session issued then (seconds since the epoch) is void."""
        return issued_at < max(
            self._marks.get((tenant_id, user_id, ""), 0.0), self._marks.get((tenant_id, user_id, session_id), 0.0)
        )

    def _forget(self, now: float) -> None:
        """Drop marks that only void tokens which have expired anyway, now and then."""
        if now - self._swept > LONGEST_LIFE.total_seconds():
            oldest = now - 2 * LONGEST_LIFE.total_seconds()
            self._marks = {key: mark for key, mark in self._marks.items() if mark > oldest}
            self._swept = now


class TokenVerifier:
    """Checks tokens locally: signature, issuer, audience, times, watermarks. Whatever is doubtful is refused."""

    def __init__(self, keys: KeySource, watermarks: Watermarks) -> None:
        self._keys = KeyRing(keys)
        self._watermarks = watermarks

    async def verify(self, token: str, *, at: datetime) -> Caller:
        """Return who is calling.

        Raises:
            InvalidTokenError: malformed, foreign, expired or voided.
            TransientError: identity's keys cannot be had, so nobody can say.
        """
        if len(token) > LONGEST_TOKEN:
            raise InvalidTokenError("token-malformed")
        body = _read(await self._decoded(token))
        _check_times(body, at.timestamp())
        if self._watermarks.voids(tenant_id=body.tid, user_id=body.sub, session_id=body.sid, issued_at=body.iat):
            raise InvalidTokenError("token-revoked")
        return _caller(body, at)

    async def _decoded(self, token: str) -> jwt.Token:
        keys = await self._keys.current()
        try:
            return _verified(token, keys)
        except InvalidKeyIdError:
            newer = await self._keys.newer(keys)
        try:
            return _verified(token, newer)
        except InvalidKeyIdError:
            raise InvalidTokenError("token-invalid") from None


class _Body(BaseModel):
    """What the claims of our tokens look like; a signed token of another form is refused, not guessed at."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)

    iss: str
    aud: str
    sub: str
    tid: str
    sid: str
    roles: list[str]
    role_ends: dict[str, float] = {}
    amr: list[str] = []
    mfa_at: float | None = None
    iat: float
    exp: float


def _verified(token: str, keys: KeySet) -> jwt.Token:
    """Return the token if one of the keys signed it; InvalidKeyIdError says that none of them has its `kid`."""
    try:
        return jwt.decode(token, keys, algorithms=_ALGORITHMS)
    except InvalidKeyIdError:
        raise
    except (JoseError, ValueError, TypeError, RecursionError):
        raise InvalidTokenError("token-invalid") from None


def _read(token: jwt.Token) -> _Body:
    if token.header.get("typ") != _TYPE:
        raise InvalidTokenError("token-foreign")
    try:
        body = _Body.model_validate(token.claims)
    except ValidationError:
        raise InvalidTokenError("token-malformed") from None
    if body.iss != ISSUER or body.aud != AUDIENCE:
        raise InvalidTokenError("token-foreign")
    return body


def _check_times(body: _Body, now: float) -> None:
    """Refuse an expired token, and one that outlives the watermark that may void it."""
    if body.exp <= now:
        raise InvalidTokenError("token-expired")
    if body.exp - body.iat > LONGEST_LIFE.total_seconds() + 1:
        raise InvalidTokenError("token-malformed")


def _caller(body: _Body, at: datetime) -> Caller:
    live = (name for name in body.roles if body.role_ends.get(name, float("inf")) > at.timestamp())
    return Caller(
        tenant_id=body.tid,
        user_id=body.sub,
        session_id=body.sid,
        roles=frozenset(known_role(name) for name in live),
        amr=tuple(body.amr),
        mfa_at=datetime.fromtimestamp(body.mfa_at, UTC) if body.mfa_at is not None else None,
        issued_at=datetime.fromtimestamp(body.iat, UTC),
    )
