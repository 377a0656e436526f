"""Identity's keys: fetched once for many, renewed for a new key id, trusted no longer than tokens live."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest
from joserfc.jwk import KeySet

from shared.access import keys as keys_module
from shared.access.keys import ASKED_AGAIN_AFTER, REFRESHED_AFTER, RETRIED_AFTER, TRUSTED_FOR, KeyRing, keys_at
from shared.access.tokens import TokenVerifier, Watermarks
from shared.errors import TransientError
from shared.web.server import serve
from tests.access.credentials import NOON, a_key, a_token, public


class Identity:
    """Identity's key endpoint as a function, and the time, both moved by hand."""

    def __init__(self) -> None:
        self.keys = [a_key()]
        self.away = False
        self.asked = 0
        self.seconds = 1000.0

    async def fetch(self) -> KeySet:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise httpx.ConnectError("refused")
        return public(*self.keys)

    def ring(self) -> KeyRing:
        return KeyRing(self.fetch, monotonic=lambda: self.seconds)

    def verifier(self) -> TokenVerifier:
        verifier = TokenVerifier(self.fetch, Watermarks())
        verifier._keys = self.ring()
        return verifier

    def pass_(self, by: timedelta) -> None:
        self.seconds += by.total_seconds()


@pytest.fixture
def identity() -> Identity:
    return Identity()


async def test_many_requests_at_once_fetch_the_keys_once(identity: Identity):
    verifier = identity.verifier()
    token = a_token(identity.keys[0])

    callers = await asyncio.gather(*(verifier.verify(token, at=NOON) for _ in range(50)))

    assert len(callers) == 50
    assert identity.asked == 1


async def test_a_new_key_of_identitys_is_known_as_soon_as_it_is_used(identity: Identity):
    verifier = identity.verifier()
    await verifier.verify(a_token(identity.keys[0]), at=NOON)
    identity.keys.append(a_key())
    identity.pass_(ASKED_AGAIN_AFTER)

    callers = await asyncio.gather(*(verifier.verify(a_token(identity.keys[1]), at=NOON) for _ in range(20)))

    assert len(callers) == 20
    assert identity.asked == 2


async def test_made_up_key_ids_do_not_make_us_ask_identity_each_time(identity: Identity):
    ring = identity.ring()

    for _ in range(100):
        await ring.newer(await ring.current())
        identity.pass_(timedelta(milliseconds=100))

    assert identity.asked <= 1 + 10 / ASKED_AGAIN_AFTER.total_seconds()


async def test_a_withdrawn_key_stops_counting_when_the_keys_are_refreshed(identity: Identity):
    ring = identity.ring()
    withdrawn = identity.keys[0].kid
    await ring.current()
    identity.keys = [a_key()]

    identity.pass_(REFRESHED_AFTER + timedelta(seconds=1))

    assert withdrawn not in {key.kid for key in await ring.current()}


async def test_the_keys_are_trusted_for_a_while_without_identity_and_then_no_more(identity: Identity):
    ring = identity.ring()
    known = await ring.current()
    identity.away = True

    identity.pass_(TRUSTED_FOR)
    assert await ring.current() is known

    identity.pass_(timedelta(seconds=1))
    with pytest.raises(TransientError):
        await ring.current()


async def test_nobody_is_believed_before_identity_has_answered_and_soon_after_it_has(identity: Identity):
    identity.away = True
    verifier = identity.verifier()
    token = a_token(identity.keys[0])
    with pytest.raises(TransientError):
        await verifier.verify(token, at=NOON)
    with pytest.raises(TransientError):
        await verifier.verify(token, at=NOON)
    assert identity.asked == 1

    identity.away = False
    identity.pass_(RETRIED_AFTER)

    assert (await verifier.verify(token, at=NOON)).user_id == "ada"


@pytest.mark.parametrize("answer", [{"keys": [{"kty": "OKP"}]}, {"no": "keys"}, [], {"keys": []}])
async def test_an_answer_that_is_no_key_set_leaves_the_keys_as_they_were(identity: Identity, answer: object):
    ring = identity.ring()
    known = await ring.current()
    identity.pass_(ASKED_AGAIN_AFTER)

    async def nonsense() -> KeySet:
        return KeySet.import_key_set(answer)  # type: ignore[arg-type]

    ring._fetch = nonsense

    assert await ring.newer(known) is known


async def test_the_keys_come_over_http_from_where_identity_publishes_them(identity: Identity):
    from fastapi import FastAPI

    from shared.embedded.child import free_port

    app, port, stop = FastAPI(), free_port(), asyncio.Event()
    app.get("/.well-known/jwks.json")(lambda: public(*identity.keys).as_dict())
    server = asyncio.create_task(serve(app, host="127.0.0.1", port=port, stop=stop))
    try:
        ring = KeyRing(_patiently(f"http://127.0.0.1:{port}/"))
        found = await ring.current()
    finally:
        stop.set()
        await server

    assert [key.kid for key in found] == [identity.keys[0].kid]
    assert not any(key.is_private for key in found)


def _patiently(url: str) -> keys_module.KeySource:
    """The real source, asked again while the server comes up."""

    async def fetch() -> KeySet:
        async with asyncio.timeout(10):
            while True:
                try:
                    return await keys_at(url)()
                except httpx.ConnectError:
                    await asyncio.sleep(0.01)

    return fetch
