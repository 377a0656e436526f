"""A leaver, through all four services: what ends, how fast, and the alert when something of theirs is used after all.

nuxari-security tenant create Acme --owner-email olga@acme.example --json | python examples/leaver.py [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pyotp
from nuxari_events.access import CredentialUsed, CredentialUseData
from nuxari_events.alerts import AlertData
from nuxari_events.client import AlertStream, EventPublisher

from shared.settings import StackSettings

SERVICES = ("identity", "pim", "credential_governance", "monitoring")
IMMEDIATELY = 1.0
"""Seconds in which a change takes effect in every service."""

SOON = 10.0
"""Seconds in which what follows from it has arrived."""

_PATHS = {
    "identity": "/me",
    "pim": "/pim/me/activations",
    "credential_governance": "/credentials",
    "monitoring": "/alerts",
}
"""Something of each service that a token opens, or at least is read for."""


class Refused(Exception):  # noqa: N818 - it reads so where it is raised
    """A service did not answer as the story goes; the text is its problem document."""


class Person:
    """Somebody with a password and, maybe, an authenticator."""

    def __init__(self, settings: StackSettings, tenant_id: str, email: str) -> None:
        self._clients = {name: httpx.Client(base_url=settings.url_of(name), trust_env=False) for name in SERVICES}
        self.tenant_id, self.email = tenant_id, email
        self.password = f"a long password {uuid4()}"
        self.tokens: dict[str, Any] = {}

    @property
    def user_id(self) -> str:
        return str(self.tokens["user_id"])

    def begins(self, invitation_token: str) -> None:
        """Accept the invitation and sign in."""
        self._post_openly("/v1/invitations/accept", invitation_token=invitation_token, password=self.password)
        self.tokens = self._post_openly(
            f"/v1/tenants/{self.tenant_id}/sessions", email=self.email, password=self.password
        )

    def enrols(self) -> None:
        """Enrol an authenticator; the next token has fresh MFA."""
        factor = self.does("identity", "/me/factors/totp")
        code = pyotp.TOTP(factor["secret"]).now()
        self.does("identity", f"/me/factors/{factor['factor_id']}/confirm", code=code)
        self.refreshes()

    def refreshes(self) -> None:
        self.tokens = self._post_openly("/v1/sessions/refresh", refresh_token=self.tokens["refresh_token"])

    def does(self, service: str, path: str, **body: object) -> dict[str, Any]:
        return _answer(self._clients[service].post(self._path(path), json=body or None, headers=self._headers))

    def sees(self, service: str, path: str) -> dict[str, Any]:
        return _answer(self._clients[service].get(self._path(path), headers=self._headers))

    def status_at(self, service: str) -> int:
        return self._clients[service].get(self._path(_PATHS[service]), headers=self._headers).status_code

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    def _path(self, path: str) -> str:
        return f"/v1/tenants/{self.tenant_id}{path}"

    def _post_openly(self, path: str, **body: object) -> dict[str, Any]:
        return _answer(self._clients["identity"].post(path, json=body))


def _answer(response: httpx.Response) -> dict[str, Any]:
    if response.is_error:
        raise Refused(f"{response.request.method} {response.request.url.path}: {response.text}")
    return response.json()  # type: ignore[no-any-return]


def _until(what: str, reached: Callable[[], bool], *, within: float) -> float:
    """Return the seconds it took."""
    begun = time.monotonic()
    while not reached():
        if time.monotonic() - begun > within:
            raise Refused(f"{what}: not within {within:.0f} s")
        time.sleep(0.02)
    return time.monotonic() - begun


def story(settings: StackSettings, tenant: dict[str, str], *, say: Callable[[str], None]) -> dict[str, Any]:
    """Play the story and return what was seen.

    Raises:
        Refused: something did not happen, or not in time.
    """
    olga, ada = _people(settings, tenant, say)
    activation, credential = _what_ada_has(olga, ada, say)
    seconds = _leaves(olga, ada, say)
    ended = _ended_with_her(olga, activation, credential, say)
    alert = asyncio.run(_uses_what_she_left(settings, ada, credential["credential_id"]))
    say(f"alert   {alert.rule.number} {alert.severity}: {alert.summary}")
    for one in alert.evidence:
        say(f"        {one.role}: {one.type} at {one.topic}-{one.partition}/{one.offset}")
    return {
        "void_after_seconds": seconds,
        "activation": ended["activation"]["end_reason"],
        "credential_orphaned": ended["credential"]["orphaned"],
        "alert": json.loads(alert.model_dump_json()),
    }


def _people(settings: StackSettings, tenant: dict[str, str], say: Callable[[str], None]) -> tuple[Person, Person]:
    olga = Person(settings, tenant["tenant_id"], tenant["owner_email"])
    olga.begins(tenant["invitation_token"])
    olga.enrols()
    say(f"olga    owns {tenant['tenant_id']}, with a second factor")
    invited = olga.does("identity", "/users", email="ada@acme.example", roles=["requester"])
    ada = Person(settings, tenant["tenant_id"], "ada@acme.example")
    ada.begins(invited["invitation_token"])
    say(f"ada     is {ada.user_id}, a {' and '.join(ada.tokens['roles'])}")
    return olga, ada


def _what_ada_has(olga: Person, ada: Person, say: Callable[[str], None]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What others decided arrives over Kafka: a service that has not heard of Ada yet says so, and is asked again."""
    eligibility = _once_known(
        lambda: olga.does(
            "pim", "/pim/eligibilities", user_id=ada.user_id, role="governance_operator", reason="on call"
        )
    )
    activation = ada.does(
        "pim",
        "/pim/activations",
        eligibility_id=eligibility["eligibility_id"],
        justification="releases the connector tonight",
        duration_seconds=3600,
    )
    _until("her token has the role", lambda: _has_role(ada, "governance_operator"), within=SOON)
    say(f"ada     activated governance_operator until {activation['ends_at']}")
    credential = _once_known(
        lambda: olga.does(
            "credential_governance",
            "/credentials",
            name="deployment key",
            kind="api_key",
            owner_id=ada.user_id,
            issued_at=datetime.now(UTC).isoformat(),
            expires_at=(datetime.now(UTC) + timedelta(days=90)).isoformat(),
        )
    )
    say(f"ada     owns the credential {credential['credential_id']}")
    return activation, credential


def _has_role(person: Person, role: str) -> bool:
    person.refreshes()
    return role in person.tokens["roles"]


def _once_known(ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    answers: list[dict[str, Any]] = []

    def asked() -> bool:
        try:
            answers.append(ask())
        except Refused as refused:
            if "known" not in str(refused):
                raise
        return bool(answers)

    _until("ada is known everywhere", asked, within=SOON)
    return answers[0]


def _leaves(olga: Person, ada: Person, say: Callable[[str], None]) -> dict[str, float]:
    """Ada's token, which worked a moment ago, works nowhere any more."""
    for service in SERVICES:
        if (status := ada.status_at(service)) == httpx.codes.UNAUTHORIZED:
            raise Refused(f"{service} does not take ada's token, with {status}")
    olga.does("identity", f"/users/{ada.user_id}/deactivate", reason="left the company")
    say("ada     left: olga deactivated her")
    begun = time.monotonic()
    seconds = {}
    for service in SERVICES:
        _until(
            f"{service} refuses ada's token",
            lambda name=service: ada.status_at(name) == httpx.codes.UNAUTHORIZED,  # type: ignore[misc]
            within=IMMEDIATELY,
        )
        seconds[service] = round(time.monotonic() - begun, 3)
        say(f"token   refused by {service} after {seconds[service]} s at most")
    return seconds


def _ended_with_her(
    olga: Person, activation: dict[str, Any], credential: dict[str, Any], say: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    path = f"/pim/activations/{activation['activation_id']}"
    _until("the activation ends", lambda: olga.sees("pim", path)["state"] == "revoked", within=SOON)
    ended = olga.sees("pim", path)
    say(f"pim     her activation is {ended['state']}: {ended['end_reason']}")
    path = f"/credentials/{credential['credential_id']}"
    _until("it is orphaned", lambda: olga.sees("credential_governance", path)["orphaned"], within=SOON)
    say("creds   her credential is orphaned")
    return {"activation": ended, "credential": olga.sees("credential_governance", path)}


async def _uses_what_she_left(settings: StackSettings, ada: Person, credential_id: str) -> AlertData:
    """Use the credential as somebody else would, and wait for the alert on Kafka."""
    data = CredentialUseData(credential_id=credential_id, action="deploy", ip="198.51.100.23")
    used = CredentialUsed(
        source="/examples/leaver", time=datetime.now(UTC), subject=credential_id, tenantid=ada.tenant_id, data=data
    )
    async with EventPublisher(settings.kafka) as publisher:
        await publisher.publish(used)
    idle_exit = timedelta(seconds=SOON)
    async with AlertStream(settings.kafka, from_beginning=True, idle_exit=idle_exit) as alerts:
        async for alert in alerts:
            if alert.tenantid == ada.tenant_id and used.id in {one.event_id for one in alert.data.evidence}:
                return alert.data
    raise Refused("no alert names the use of the credential")


def main() -> int:
    """Read the tenant from standard input and play the story."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the story")
    wants_json = parser.parse_args().json
    try:
        seen = story(StackSettings(), json.load(sys.stdin), say=(lambda _: None) if wants_json else print)
    except (Refused, httpx.HTTPError, KeyError, ValueError) as error:
        print(f"leaver: {error}", file=sys.stderr)
        return 1
    if wants_json:
        print(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
