"""The directory: what it knows of users and credentials, in whatever order it hears of them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nuxari_events import access, administration, credentials, identity, pim
from nuxari_events.envelope import Event
from nuxari_events.ids import uuid7

from services.monitoring.domain import directory as directory_module
from services.monitoring.domain.configuration import Surroundings
from services.monitoring.domain.context import context_of
from services.monitoring.domain.derived import NO_DATABASES, Derivation
from services.monitoring.domain.directory import NOTED, Directory
from services.monitoring.domain.model import Fact
from tests.monitoring.builders import (
    activated,
    assigned,
    at,
    deactivated,
    fact,
    reactivated,
    revoked,
    role_grant,
    sign_in,
)


def an_event(cls: type[Event], seconds: float, data: Any, *, source: str = "/test", **more: Any) -> Event:
    given = {"id": uuid7(), "subject": "ada"} | more
    return cls(source=source, tenantid="acme", time=at(seconds), data=data, **given)


def account(seconds: float, change: str, *, system: str = "okta:acme", **data: Any) -> Event:
    given = {"user_id": "ada", "change": administration.AccountChange(change), "system": system} | data
    return an_event(administration.AccountChanged, seconds, administration.AccountChangeData(**given))


def locked(seconds: float, *, until: float | None = None) -> Event:
    data = identity.LockData(user_id="ada", ends_at=None if until is None else at(until))
    return an_event(identity.UserLocked, seconds, data)


def unlocked(seconds: float) -> Event:
    return an_event(identity.UserUnlocked, seconds, identity.UnlockData(user_id="ada"))


def factor(seconds: float, factor_id: str, *, removed: bool = False) -> Event:
    given = {"user_id": "ada", "factor_id": factor_id, "method": "totp"}
    if removed:
        return an_event(identity.FactorRemoved, seconds, identity.FactorRemovalData(**given))
    return an_event(identity.FactorEnrolled, seconds, identity.FactorData(**given))


def mfa_reset(seconds: float) -> Event:
    return an_event(identity.MfaReset, seconds, identity.MfaResetData(user_id="ada"))


def password_reset(seconds: float) -> Event:
    return an_event(identity.PasswordReset, seconds, identity.PasswordResetData(user_id="ada"))


def activation_ended(seconds: float, activation: str = "a-1") -> Event:
    data = pim.ActivationEndData(
        activation_id=activation, user_id="ada", role="client_admin", ended_at=at(seconds), reason=pim.EndReason.ENDED
    )
    return an_event(pim.ActivationEnded, seconds, data)


def registered(seconds: float, *, owner: str | None = "ada", expires: float | None = 9_000) -> Event:
    data = credentials.CredentialData(
        credential_id="key-1",
        name="deploy key",
        kind=credentials.CredentialKind.API_KEY,
        owner_id=owner,
        issued_at=at(0),
        expires_at=None if expires is None else at(expires),
        administrative=True,
    )
    return an_event(credentials.CredentialRegistered, seconds, data, subject="key-1")


def orphaned(seconds: float) -> Event:
    data = credentials.OrphanData(
        credential_id="key-1",
        kind=credentials.CredentialKind.API_KEY,
        former_owner_id="ada",
        orphaned_at=at(seconds),
    )
    return an_event(credentials.CredentialOrphaned, seconds, data, subject="key-1")


def owned(seconds: float, owner: str) -> Event:
    data = credentials.OwnerData(credential_id="key-1", owner_id=owner)
    return an_event(credentials.CredentialOwnerAssigned, seconds, data, subject="key-1")


def voided(seconds: float, *, version: str | None = None) -> Event:
    data = credentials.RevocationData(credential_id="key-1", version_id=version, revoked_at=at(seconds))
    return an_event(credentials.CredentialRevoked, seconds, data, subject="key-1")


def overdue(seconds: float) -> Event:
    data = credentials.RotationDueData(credential_id="key-1", due_at=at(seconds - 60))
    return an_event(credentials.RotationOverdue, seconds, data, subject="key-1")


def rotated(seconds: float) -> Event:
    data = credentials.RotationData(credential_id="key-1")
    return an_event(credentials.CredentialRotated, seconds, data, subject="key-1")


def ms(seconds: float) -> int:
    return round(at(seconds).timestamp() * 1000)


def iso(seconds: float) -> str:
    return at(seconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def heard(*events: Event) -> Directory:
    directory = Directory()
    for event in events:
        directory.note(fact(event))
    return directory


def about(*events: Event, now: float = 1_000) -> dict[str, Any]:
    return heard(*events).about(user_id="ada", at_ms=ms(now))


def about_key(*events: Event, now: float = 1_000) -> dict[str, Any]:
    return heard(*events).about_credential(credential_id="key-1", at_ms=ms(now))


def test_of_whom_nothing_was_said_nothing_is_known() -> None:
    assert about(sign_in(0, ok=True)) == {}
    assert about_key(sign_in(0, ok=True)) == {}


def test_a_users_state_is_the_newest_by_event_time() -> None:
    assert about(deactivated(20), reactivated(10)) == {"state": "deactivated", "since": iso(20)}
    assert about(deactivated(20), reactivated(30)) == {"state": "active", "since": iso(30)}


def test_a_lock_shows_until_it_ends_or_is_taken_away() -> None:
    assert about(reactivated(0), locked(10))["state"] == "locked"
    assert about(reactivated(0), locked(10, until=1_001)) == {"state": "locked", "since": iso(10)}
    assert about(reactivated(0), locked(10, until=1_000))["state"] == "active"
    assert about(reactivated(0), locked(10), unlocked(20))["state"] == "active"
    assert about(deactivated(0), locked(10))["state"] == "deactivated"


def test_an_account_in_a_connected_system_is_another_than_the_users_here() -> None:
    found = about(reactivated(0), account(5, "created"), account(10, "disabled"), account(7, "locked", system="aws:1"))
    assert found["state"] == "active"
    assert found["accounts"] == {
        "aws:1": {"state": "locked", "since": iso(7)},
        "okta:acme": {"state": "deactivated", "since": iso(10)},
    }


def test_roles_are_those_that_are_held_then() -> None:
    found = about(assigned(1), assigned(2, role="auditor"), revoked(3, role="auditor"), role_grant(4))
    assert found["roles"] == [
        {"role": "AdministratorAccess", "system": "aws:1", "privileged": True, "since": iso(4)},
        {"role": "client_admin", "origin": "direct", "since": iso(1)},
    ]


def test_activations_are_those_that_run_then() -> None:
    running = activated(10, until=2_000)
    assert [one["role"] for one in about(running)["activations"]] == ["client_admin"]
    assert "activations" not in about(running, now=2_000)
    assert "activations" not in about(activation_ended(20), running)


def test_factors_are_counted_from_the_last_reset_on() -> None:
    assert about(factor(1, "a"), factor(2, "b"))["factors"] == 2
    assert about(factor(1, "a"), factor(2, "b"), factor(3, "a", removed=True))["factors"] == 1
    found = about(factor(1, "a"), mfa_reset(2), factor(3, "b"))
    assert (found["factors"], found["mfa_reset_at"]) == (1, iso(2))
    elsewhere = account(4, "mfa_reset")
    assert about(factor(1, "a"), elsewhere) == {"factors": 1, "mfa_reset_at": iso(4)}


def test_resets_of_passwords_are_remembered_by_their_newest() -> None:
    found = about(password_reset(5), account(9, "password_reset"), account(3, "password_changed"))
    assert found == {"password_reset_at": iso(9), "password_changed_at": iso(3)}


def test_a_credential_is_what_its_events_say() -> None:
    found = about_key(registered(0), overdue(100))
    assert found.pop("expires_at").startswith(at(9_000).isoformat()[:19])
    assert found.pop("rotation_due_at").startswith(at(40).isoformat()[:19])
    assert found == {
        "state": "active",
        "kind": "api_key",
        "owner_id": "ada",
        "administrative": True,
        "rotation": "overdue",
    }
    assert "rotation" not in about_key(registered(0), overdue(100), rotated(200))


def test_a_credential_is_orphaned_until_somebody_owns_it() -> None:
    assert about_key(registered(0), orphaned(10))["state"] == "orphaned"
    assert about_key(owned(20, "bob"), orphaned(10), registered(0))["owner_id"] == "bob"
    assert about_key(owned(20, "bob"), orphaned(10), registered(0))["state"] == "active"


def test_a_credential_expires_and_is_revoked_as_a_whole() -> None:
    assert about_key(registered(0), now=9_000)["state"] == "expired"
    assert about_key(registered(0), registered(1, expires=None), now=9_000)["state"] == "active"
    assert about_key(voided(5), registered(10))["state"] == "revoked"
    assert about_key(registered(0), voided(5, version="v1"))["state"] == "active"


USERS = [
    *(
        deactivated(10),
        reactivated(20),
        deactivated(20, id="same-time"),
        locked(15),
        unlocked(
            25,
        ),
        locked(30),
    ),
    *(assigned(1), revoked(9), assigned(12), assigned(5, role="auditor"), role_grant(7), account(8, "disabled")),
    *(factor(2, "a"), factor(4, "a", removed=True), factor(6, "b"), mfa_reset(5), account(11, "mfa_reset")),
    *(activated(10, until=2_000), activation_ended(40), password_reset(3), account(13, "locked", system="aws:1")),
    *(registered(0), registered(50, owner="bob"), orphaned(60), owned(55, "eve"), overdue(70), rotated(65), voided(80)),
]


@given(st.permutations(USERS), st.lists(st.sampled_from(USERS), max_size=5))
def test_the_order_of_arrival_and_repetitions_change_nothing(events: list[Event], again: list[Event]) -> None:
    expected, found = heard(*USERS), heard(*events, *again)
    for now in (0, 35, 1_000):
        assert found.about(user_id="ada", at_ms=ms(now)) == expected.about(user_id="ada", at_ms=ms(now))
        of_key = found.about_credential(credential_id="key-1", at_ms=ms(now))
        assert of_key == expected.about_credential(credential_id="key-1", at_ms=ms(now))


def test_a_word_from_the_future_counts_from_when_it_came() -> None:
    directory = Directory()
    directory.note(fact(deactivated(9_999_999)), time_ms=ms(10))
    directory.note(fact(reactivated(20)))
    assert directory.about(user_id="ada", at_ms=ms(30)) == {"state": "active", "since": iso(20)}


def test_of_very_many_roles_the_newest_are_kept_in_any_order() -> None:
    events = [assigned(number, role=f"role-{number % 70}") for number in range(140)]
    expected = about(*events)["roles"]
    assert [one["role"] for one in expected] == [f"role-{number}" for number in range(69, 53, -1)]
    assert about(*random.Random(7).sample(events, k=len(events)))["roles"] == expected  # noqa: S311 - an order


def test_who_was_spoken_of_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_module, "MOST_ENTRIES", 2)
    directory = heard(*(reactivated(number, user) for number, user in enumerate(["ada", "bob", "ada", "eve"])))
    known = [user for user in ("ada", "bob", "eve") if directory.about(user_id=user, at_ms=ms(9))]
    assert known == ["ada", "eve"]


def test_a_directory_that_was_packed_goes_on_as_it_was() -> None:
    directory = heard(*USERS[:12])
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(directory), type=Directory)
    for event in USERS[12:]:
        restored.note(fact(event))
    assert restored.about(user_id="ada", at_ms=ms(99)) == heard(*USERS).about(user_id="ada", at_ms=ms(99))


@pytest.mark.parametrize("path", sorted(Path("schemas/examples").glob("*.json")), ids=lambda path: path.stem)
def test_every_event_of_the_contract_can_be_heard(path: Path) -> None:
    event = json.loads(path.read_text())
    from nuxari_events.topics import BY_EVENT_TYPE

    from services.monitoring.decode import decode

    topic = BY_EVENT_TYPE[event["type"]].name
    found = decode(topic, value=path.read_bytes(), headers=(), partition=0, offset=0, ingested_ms=0)
    assert found is not None
    directory = Directory()

    directory.note(found)

    assert bool(directory.users or directory.credentials) == (event["type"] in NOTED)
    user, key = getattr(found.data, "user_id", ""), getattr(found.data, "credential_id", "")
    answers = directory.about(user_id=user, at_ms=0), directory.about_credential(credential_id=key, at_ms=0)
    assert json.loads(json.dumps(answers)) == list(answers)


def test_what_may_be_personal_is_not_kept() -> None:
    said = identity.UserData(user_id="ada", email="ada@example.org")
    leaving = identity.DeactivationData(user_id="ada", reason="went to a competitor")
    directory = heard(an_event(identity.UserInvited, 0, said), an_event(identity.UserDeactivated, 1, leaving))
    assert b"example.org" not in msgspec.msgpack.encode(directory)
    assert b"competitor" not in msgspec.msgpack.encode(directory)


def used(seconds: float, **more: Any) -> Fact:
    data = access.CredentialUseData(credential_id="key-1", user_id="ada", ip="203.0.113.7", user_agent="curl/8.13.0")
    return fact(an_event(access.CredentialUsed, seconds, data, **more))


def test_an_alerts_context_says_where_with_what_and_who_it_was() -> None:
    directory = heard(registered(0), deactivated(5), reactivated(0, "bob"))
    derivation = Derivation(Surroundings(vpn_networks=("203.0.113.0/24",)), NO_DATABASES)

    found = context_of([used(60, actorid="bob"), fact(sign_in(30))], derivation=derivation, directory=directory)

    assert json.loads(json.dumps(found)) == found
    assert found["origin"]["ip"] == "203.0.113.7"
    assert (found["origin"]["vpn"], found["origin"]["trusted"]) == (True, False)
    assert found["agent"]["kind"] == "script"
    assert found["user"]["state"] == "deactivated"
    assert found["actor"]["state"] == "active"
    assert found["credential"]["owner_id"] == "ada"
    assert "databases" not in found


def test_an_alerts_context_names_the_databases_only_where_an_address_was_looked_up() -> None:
    named = SimpleNamespace(lookup=NO_DATABASES.lookup, described=({"type": "Test"},))
    derivation = Derivation(Surroundings(), named)
    assert context_of([used(0)], derivation=derivation, directory=None)["databases"] == [{"type": "Test"}]
    assert context_of([fact(sign_in(0))], derivation=derivation, directory=None).keys() == {"calendar"}
    assert context_of([], derivation=derivation, directory=None) == {}
