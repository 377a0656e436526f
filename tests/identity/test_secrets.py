"""No secret is where somebody could read it: every table, announcement, audit entry and log line is searched."""

from __future__ import annotations

import hashlib

import pytest
from nuxari_events.roles import Role

from services.identity.keys import KeyFileError
from tests.identity.builders import PASSWORD
from tests.identity.stage import Stage
from tests.identity.test_http import accepted, bearer, begun, enrolled
from tests.identity.web import Web
from tests.telemetry.capture import Logs, logs
from tests.web.stage import problem

__all__ = ["logs"]

WRONG, NEWER = "my bank's password 1", "the password after it"


async def everything(stage: Stage) -> str:
    """Every row of every table, as text."""
    tables = await stage.rows("select tablename from pg_tables where schemaname = 'public'")
    texts = [
        row["text"]
        for table in tables
        for row in await stage.rows(f'select t::text as text from "{table["tablename"]}" t')  # noqa: S608
    ]
    return "\n".join(texts)


async def a_long_day(web: Web) -> set[str]:
    """Do everything that a secret is used for, right and wrong; return the secrets."""
    secrets = {PASSWORD, WRONG, NEWER}
    owner, by = await web.an_owner()
    body = {"email": "eve@acme.example", "roles": ["requester"]}
    for key in ({}, {"Idempotency_Key": "k-1"}):
        answer = await web.post(f"{web.tenant}/users", body | {"email": f"e{len(key)}@acme.example"}, by=by, **key)
        secrets.add(answer.json()["invitation_token"])
        await web.post(
            "/v1/invitations/accept", {"invitation_token": answer.json()["invitation_token"], "password": "x"}
        )
    ida = await accepted(web, "ida", Role.APPROVER)
    tokens = await begun(web, ida)
    codes = (await enrolled(web, ida, bearer(tokens))).json()["recovery_codes"]
    following = (await web.post("/v1/sessions/refresh", {"refresh_token": tokens["refresh_token"]})).json()
    problem(
        await web.post("/v1/sessions/refresh", {"refresh_token": tokens["refresh_token"]}), 401, "refresh-token-invalid"
    )
    problem(await web.get(f"{web.tenant}/me", by=bearer(following)), 401, "token-revoked")
    problem(await web.signs_in(ida.email, WRONG), 401, "credentials-wrong")
    problem(await web.signs_in(WRONG, PASSWORD), 401, "credentials-wrong")
    problem(await web.signs_in(ida.email, PASSWORD, code=codes[0][:-1] + "?"), 401, "credentials-wrong")
    raised = (await web.signs_in(ida.email, PASSWORD, code=codes[0])).json()
    change = {"current_password": PASSWORD, "new_password": NEWER}
    assert (await web.post(f"{web.tenant}/me/password", change, by=bearer(raised))).status_code == 204
    assert (await web.client.post(f"{web.tenant}/sessions", content=f'{{"password": "{WRONG}"')).status_code >= 400
    assert (await web.client.post(f"{web.tenant}/sessions", json={"passwort": WRONG})).status_code == 422
    sessions = (tokens, following, raised)
    secrets |= {ida.secret, owner.secret, *codes, *owner.recovery_codes, by["Authorization"].split()[1]}
    secrets |= {tokens["refresh_token"] for tokens in sessions} | {tokens["access_token"] for tokens in sessions}
    return secrets


def forms(secret: str) -> set[str]:
    """The secret as it could be found: itself, what only its bearer knows of it, in hexadecimal, without dashes."""
    core = secret.rsplit(".", 1)[-1]
    plain = core.replace("-", "") if len(core) == len("XXXX-XXXX-XXXX-XXXX") else core
    return {core, plain, core.encode().hex(), plain.encode().hex()}


async def test_no_secret_is_in_a_row_an_announcement_an_audit_entry_or_a_log_line(web: Web, logs: Logs) -> None:
    secrets = await a_long_day(web)
    kept, logged = await everything(web.stage), logs.text

    assert len(secrets) > 30
    for needle in {form for secret in secrets for form in forms(secret)}:
        assert needle not in kept
        assert needle not in logged
    for table in ("tenant_user", "factor", "recovery_code", "invitation", "refresh_token", "outbox", "audit_event"):
        assert await web.stage.rows(f"select 1 from {table} limit 1"), table  # noqa: S608 - it was searched for something
    assert "identity.session.begin" in kept


async def test_what_is_kept_of_a_password_is_an_argon2id_hash_and_of_a_link_its_digest(web: Web) -> None:
    await web.stage.found()
    ida = await accepted(web)
    tokens = await begun(web, ida)
    (user,) = await web.stage.rows("select password_hash from tenant_user where user_id = $1", ida.user_id)
    (token,) = await web.stage.rows("select secret_hash from refresh_token where session_id = $1", tokens["session_id"])

    assert user["password_hash"].startswith("$argon2id$")
    secret = tokens["refresh_token"].rsplit(".", 1)[-1]
    assert token["secret_hash"] == hashlib.sha256(secret.encode()).digest()


async def test_a_sealed_factor_that_is_copied_to_another_user_opens_for_nobody(web: Web) -> None:
    await web.stage.an_owner()
    eve = await web.stage.a_person("eve")
    ida = await web.stage.a_person("ida")
    await web.stage.rows(
        "update factor set sealed_secret = (select sealed_secret from factor where user_id = $1) where user_id = $2",
        eve.user_id,
        ida.user_id,
    )
    with pytest.raises(KeyFileError):
        await web.stage.tries(ida.email, code=eve.code(web.stage.now))
