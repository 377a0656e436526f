"""Access tokens: what identity signed is believed for as long as it holds, and nothing else is."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey
from nuxari_events.roles import Role

from shared.access.tokens import AUDIENCE, FRESH, ISSUER, LONGEST_LIFE, InvalidTokenError, TokenIssuer, Watermarks
from tests.access.credentials import NOON, a_key, a_token, a_verifier, a_watermark, ago, claims

KEY = a_key()


async def refusal(token: str, *, at=NOON, key: OKPKey = KEY, watermarks: Watermarks | None = None) -> str:
    with pytest.raises(InvalidTokenError) as refused:
        await a_verifier(key, watermarks=watermarks).verify(token, at=at)
    return refused.value.code


def forged(*, header: dict[str, Any] | None = None, key: OKPKey = KEY, **changes: Any) -> str:
    """A token that identity's key signs, with other claims than identity would write."""
    body = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ada",
        "tid": "acme",
        "sid": "s-1",
        "roles": ["client_owner"],
        "iat": NOON.timestamp(),
        "exp": NOON.timestamp() + 300,
    }
    body = {name: value for name, value in {**body, **changes}.items() if value is not ...}
    head = {"alg": "Ed25519", "kid": key.kid, "typ": "at+jwt", **(header or {})}
    return jwt.encode(head, body, key, algorithms=["Ed25519"])


async def test_a_caller_is_who_identity_says():
    token = a_token(KEY, Role.APPROVER, Role.REQUESTER, mfa_at=ago(minutes=2))

    caller = await a_verifier(KEY).verify(token, at=NOON)

    assert (caller.tenant_id, caller.user_id, caller.session_id) == ("acme", "ada", "s-1")
    assert caller.roles == {Role.APPROVER, Role.REQUESTER}
    assert caller.amr == ("pwd", "otp")
    assert caller.mfa_at == ago(minutes=2)
    assert caller.issued_at == NOON


async def test_a_token_ends_after_five_minutes_to_the_second():
    token = a_token(KEY)

    assert await a_verifier(KEY).verify(token, at=NOON + timedelta(seconds=299.9))
    assert await refusal(token, at=NOON + timedelta(minutes=5)) == "token-expired"


async def test_a_role_with_a_deadline_ends_at_it_even_if_no_event_comes():
    deadline = NOON + timedelta(minutes=1)
    token = a_token(KEY, Role.CLIENT_ADMIN, Role.REQUESTER, ends={Role.CLIENT_ADMIN: deadline})
    verifier = a_verifier(KEY)

    before = await verifier.verify(token, at=deadline - timedelta(microseconds=1))
    at_the_end = await verifier.verify(token, at=deadline)

    assert before.roles == {Role.CLIENT_ADMIN, Role.REQUESTER}
    assert at_the_end.roles == {Role.REQUESTER}


async def test_a_role_this_version_does_not_know_counts_as_readonly_viewer():
    caller = await a_verifier(KEY).verify(forged(roles=["galactic_emperor"]), at=NOON)

    assert caller.roles == {Role.READONLY_VIEWER}


async def test_a_token_of_another_key_is_refused():
    assert await refusal(a_token(a_key(), Role.CLIENT_OWNER)) == "token-invalid"


async def test_a_key_that_claims_anothers_id_signs_nothing():
    stranger = a_key()

    assert await refusal(forged(key=stranger, header={"kid": KEY.kid})) == "token-invalid"


async def test_the_algorithm_is_pinned_so_the_public_key_is_no_shared_secret():
    as_secret = OctKey.import_key(json.dumps(KEY.as_dict(private=False)).encode())
    body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "tid": "acme", "sid": "s", "iat": 0, "exp": 9e9, "roles": []}
    token = jwt.encode({"alg": "HS256", "kid": KEY.kid, "typ": "at+jwt"}, body, as_secret, algorithms=["HS256"])

    assert await refusal(token) == "token-invalid"


async def test_an_unsigned_token_is_refused():
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    _, body, _ = a_token(KEY, Role.CLIENT_OWNER).split(".")

    assert await refusal(f"{part({'alg': 'none', 'typ': 'at+jwt'})}.{body}.") == "token-invalid"


@pytest.mark.parametrize("part", [0, 1, 2])
async def test_a_token_with_one_character_changed_is_refused(part: int):
    parts = a_token(KEY, Role.CLIENT_OWNER).split(".")
    parts[part] = parts[part][:10] + ("A" if parts[part][10] != "A" else "B") + parts[part][11:]

    assert await refusal(".".join(parts)) == "token-invalid"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "somebody-else"}, "token-foreign"),
        ({"aud": "another-system"}, "token-foreign"),
        ({"aud": ["another-system", AUDIENCE]}, "token-malformed"),
        ({"sub": ...}, "token-malformed"),
        ({"tid": None}, "token-malformed"),
        ({"sid": 7}, "token-malformed"),
        ({"roles": "client_owner"}, "token-malformed"),
        ({"roles": ...}, "token-malformed"),
        ({"role_ends": {"client_owner": "never"}}, "token-malformed"),
        ({"exp": ...}, "token-malformed"),
        ({"exp": float("nan")}, "token-malformed"),
        ({"exp": float("inf")}, "token-malformed"),
        ({"iat": True}, "token-malformed"),
        ({"exp": NOON.timestamp() + LONGEST_LIFE.total_seconds() + 2}, "token-malformed"),
    ],
)
async def test_signed_claims_of_another_form_are_refused(changes: dict[str, Any], code: str):
    assert await refusal(forged(**changes)) == code


async def test_another_kind_of_jwt_that_identity_signed_is_no_access_token():
    assert await refusal(forged(header={"typ": "JWT"})) == "token-foreign"


async def test_an_oversized_token_is_refused_before_it_is_parsed():
    assert await refusal(forged(amr=["x" * 9000])) == "token-malformed"


@given(token=st.one_of(st.text(max_size=200), st.from_regex(r"[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,40}", fullmatch=True)))
async def test_whatever_is_sent_as_a_token_is_refused_and_nothing_else_happens(token: str):
    assert await refusal(token) in {"token-invalid", "token-malformed"}


def test_a_token_that_would_outlive_its_watermark_is_not_issued():
    with pytest.raises(ValueError, match="at most"):
        TokenIssuer(KEY).issue(claims(), at=NOON, life=LONGEST_LIFE + timedelta(seconds=1))


async def test_mfa_is_fresh_for_fifteen_minutes():
    shown = await a_verifier(KEY).verify(a_token(KEY, mfa_at=ago(minutes=15)), at=NOON)
    never = await a_verifier(KEY).verify(a_token(KEY), at=NOON)

    assert timedelta(minutes=15) == FRESH
    assert shown.has_fresh_mfa(NOON)
    assert not shown.has_fresh_mfa(NOON + timedelta(microseconds=1))
    assert not shown.has_fresh_mfa(NOON, within=timedelta(minutes=1))
    assert not never.has_fresh_mfa(NOON)


async def test_a_watermark_falls_between_two_tokens_of_the_same_second():
    watermarks = Watermarks()
    revoked_at = NOON + timedelta(milliseconds=1)
    before, after = a_token(KEY, at=NOON), a_token(KEY, at=revoked_at)

    watermarks.note(a_watermark(not_before=revoked_at))

    assert await refusal(before, watermarks=watermarks) == "token-revoked"
    assert await a_verifier(KEY, watermarks=watermarks).verify(after, at=revoked_at)


@given(issued=st.integers(0, 300), revoked=st.integers(0, 300))
async def test_a_token_is_void_exactly_if_it_was_issued_before_the_watermark(issued: int, revoked: int):
    watermarks = Watermarks()
    watermarks.note(a_watermark(not_before=NOON + timedelta(microseconds=revoked)))

    void = watermarks.voids(
        tenant_id="acme",
        user_id="ada",
        session_id="s-1",
        issued_at=(NOON + timedelta(microseconds=issued)).timestamp(),
    )

    assert void == (issued < revoked)
