"""Who may be an owner, what an observation changes, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.credential_governance.domain import rules
from services.credential_governance.domain.errors import Refusal
from services.credential_governance.domain.model import Credential, Facts, User, UserStatus
from tests.credential_governance.builders import DAY, HOUR, NOON, YEAR, a_credential, a_user, some_facts
from tests.credential_governance.test_plaintext import PRIVATE_KEY


def _registered(facts: Facts | None = None, *, owner: User | None = None, notes: str = "") -> Credential | Refusal:
    facts = facts or some_facts()
    return rules.register(facts, credential_id="c1", notes=notes, owner=owner or a_user(), at=NOON)


def _observed(
    known: Credential | None, facts: Facts, *, owner: User | None = None, seen_after: object = HOUR
) -> Credential | None:
    seen_at = NOON + seen_after  # type: ignore[operator]
    return rules.observe(known, facts, credential_id="c1", owner=owner, seen_at=seen_at, at=seen_at)


def _kept(credential: Credential | Refusal | None) -> Credential:
    assert isinstance(credential, Credential), credential
    return credential


def test_a_registered_credential_belongs_to_its_owner() -> None:
    credential = _kept(_registered())
    assert credential.accountable_id == "ada"
    assert not credential.is_orphaned


def test_a_credential_of_a_deactivated_owner_is_registered_as_an_orphan() -> None:
    credential = _kept(_registered(owner=a_user(status=UserStatus.DEACTIVATED)))
    assert credential.is_orphaned
    assert (credential.accountable_id, credential.former_owner_id) == (None, "ada")


@pytest.mark.parametrize(
    ("owner", "code"),
    [
        (a_user(status=UserStatus.UNHEARD_OF), "owner-unknown"),
        (a_user(status=UserStatus.INVITED), "owner-not-active"),
    ],
)
def test_an_owner_who_is_not_active_is_refused(owner: User, code: str) -> None:
    decision = _registered(owner=owner)
    assert isinstance(decision, Refusal)
    assert decision.code == code


def test_the_refusal_of_an_unknown_owner_says_that_their_event_may_be_on_its_way() -> None:
    decision = rules.register(some_facts(), credential_id="c1", notes="", owner=None, at=NOON)
    assert decision == rules.OWNER_UNKNOWN
    assert "may not have arrived" in rules.OWNER_UNKNOWN.detail


@pytest.mark.parametrize("field", ["name", "notes", "owner_id"])
def test_a_secret_in_any_field_is_refused_and_not_echoed(field: str) -> None:
    wrong: dict[str, Any] = {} if field == "notes" else {field: PRIVATE_KEY}
    facts = replace(some_facts(), **wrong)
    decision = _registered(facts, notes=PRIVATE_KEY if field == "notes" else "")
    assert isinstance(decision, Refusal)
    assert decision.code == "looks-like-a-secret"
    assert decision.facts == {"field": field}
    assert "MII" not in repr(decision)


def test_an_expiry_before_the_issue_is_refused_from_a_person_and_kept_from_a_source() -> None:
    facts = some_facts(expires_at=NOON)
    decision = _registered(facts)
    assert isinstance(decision, Refusal)
    assert decision.code == "expires-before-issue"
    assert _kept(_observed(None, facts, owner=a_user())).validity.expires_at == NOON


def test_a_later_observation_replaces_the_facts() -> None:
    after = _kept(_observed(a_credential(), some_facts(name="renamed", expires_at=NOON + 2 * YEAR)))
    assert (after.name, after.validity.expires_at) == ("renamed", NOON + 2 * YEAR)


def test_an_older_observation_changes_nothing() -> None:
    assert _observed(a_credential(), some_facts(name="renamed"), seen_after=-HOUR) is None


def test_an_observation_from_the_future_counts_as_five_minutes_ahead() -> None:
    facts = some_facts(name="from the future")
    after = rules.observe(a_credential(), facts, credential_id="c1", owner=None, seen_at=NOON + 100 * YEAR, at=NOON)
    assert _kept(after).facts_at == NOON + rules.FARTHEST_AHEAD
    assert _kept(_observed(_kept(after), some_facts(name="later"), seen_after=HOUR)).name == "later"


def test_a_secret_in_an_observed_name_is_redacted() -> None:
    credential = _kept(_observed(None, some_facts(name=PRIVATE_KEY.replace("\n", " ")), owner=a_user()))
    assert credential.name == rules.REDACTED


def test_a_source_that_repeats_its_owner_does_not_undo_an_assignment() -> None:
    assigned = _kept(rules.assign(a_credential(reported_owner_id="ada"), a_user("bo"), at=NOON))
    after = _kept(_observed(assigned, some_facts(owner_id="ada"), owner=a_user("ada")))
    assert after.accountable_id == "bo"


def test_a_source_that_names_a_new_owner_is_believed() -> None:
    after = _kept(_observed(a_credential(), some_facts(owner_id="cy"), owner=a_user("cy")))
    assert after.accountable_id == "cy"


def test_a_source_that_names_no_owner_takes_none_away() -> None:
    after = _kept(_observed(a_credential(), some_facts(owner_id=None)))
    assert after.accountable_id == "ada"


def test_a_source_that_hands_a_credential_to_somebody_gone_makes_it_an_orphan() -> None:
    gone = a_user("cy", status=UserStatus.DEACTIVATED)
    after = _kept(_observed(a_credential(), some_facts(owner_id="cy"), owner=gone))
    assert (after.is_orphaned, after.former_owner_id) == (True, "cy")


@pytest.mark.parametrize("status", [UserStatus.UNHEARD_OF, UserStatus.INVITED, UserStatus.DEACTIVATED])
def test_a_source_cannot_hand_an_orphan_to_somebody_who_cannot_answer_for_it(status: UserStatus) -> None:
    orphan = a_credential(orphaned_at=NOON)
    after = _kept(_observed(orphan, some_facts(owner_id="cy"), owner=a_user("cy", status=status)))
    assert (after.is_orphaned, after.former_owner_id) == (True, "ada")
    again = _kept(_observed(after, some_facts(owner_id="cy"), owner=a_user("cy"), seen_after=DAY))
    assert again.accountable_id == "cy"


@pytest.mark.parametrize(
    ("owner", "code"),
    [
        (None, "owner-unknown"),
        (a_user("bo", status=UserStatus.UNHEARD_OF), "owner-unknown"),
        (a_user("bo", status=UserStatus.INVITED), "owner-not-active"),
        (a_user("bo", status=UserStatus.DEACTIVATED), "owner-deactivated"),
        (a_user("ada"), "already-owner"),
    ],
)
def test_only_another_active_user_is_assigned(owner: User | None, code: str) -> None:
    decision = rules.assign(a_credential(), owner, at=NOON)
    assert isinstance(decision, Refusal)
    assert decision.code == code


def test_an_orphan_can_go_back_to_its_former_owner_by_assignment() -> None:
    decision = _kept(rules.assign(a_credential(orphaned_at=NOON), a_user("ada"), at=NOON + DAY))
    assert (decision.accountable_id, decision.orphaned_at, decision.owned_since) == ("ada", None, NOON + DAY)
