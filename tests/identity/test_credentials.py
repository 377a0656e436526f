"""Passwords, addresses, links, recovery codes and the lock, as functions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain import credentials
from services.identity.domain.credentials import (
    INVITATION,
    LOCKED_FOR,
    REFRESH,
    check_password,
    failed,
    new_recovery_codes,
    new_ticket,
    normal_email,
    read_ticket,
    recovery_hash,
    unlocked,
)
from tests.identity.builders import DAY, NOON, PASSWORD, SECOND, a_user

AN_ID = "019ca000-0000-7000-8000-000000000001"


def refused(password: str, *, email: str = "olga@acme.example") -> str | None:
    refusal = check_password(password, email=email)
    return refusal.code if refusal else None


def test_a_password_has_twelve_characters_at_least() -> None:
    assert refused("abcdefghijk") == "password-too-short"
    assert refused("abcdefghijkl") is None


def test_a_password_has_256_characters_at_most() -> None:
    assert refused(PASSWORD * 13) == "password-too-long"
    assert refused((PASSWORD * 13)[:256]) is None


@pytest.mark.parametrize("password", ["aaaaaaaaaaaaaaaa", "abababababababab", "olga is my name", "I AM OLGA, HELLO"])
def test_a_password_neither_repeats_a_few_characters_nor_holds_the_address(password: str) -> None:
    assert refused(password) == "password-too-simple"


@pytest.mark.parametrize("email", ["a@acme.example", "or@acme.example", "", "bat@acme.example"])
def test_a_short_name_that_any_sentence_holds_by_chance_is_no_reason_to_refuse(email: str) -> None:
    assert refused(PASSWORD, email=email) is None


def test_length_alone_decides_about_characters_of_any_script() -> None:
    assert refused("пароль длинный") is None
    assert refused("correcthorse battery") is None


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("olga@acme.example", "olga@acme.example"),
        ("  Olga@ACME.Example\n", "olga@acme.example"),
        ("o'brien+nuxari@mail.acme.example", "o'brien+nuxari@mail.acme.example"),
        ("olga@xn--bcher-kva.example", "olga@xn--bcher-kva.example"),
        ("ольга@acme.example", "ольга@acme.example"),
    ],
)
def test_an_address_has_one_normal_form(typed: str, normal: str) -> None:
    assert normal_email(typed) == normal


def test_an_address_written_with_composed_or_combining_letters_is_one_address() -> None:
    assert normal_email("jose\u0301@acme.example") == normal_email("jos\u00e9@acme.example") is not None


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "olga",
        "@acme.example",
        "olga@",
        "olga@localhost",
        "olga@acme..example",
        "olga@acme.example.",
        "olga@bücher.example",
        "olga@acme.example, eve@evil.example",
        "olga@acme.example\r\nBcc: eve@evil.example",
        "olga ivanova@acme.example",
        '"olga"@acme.example',
        "<olga@acme.example>",
        "olga@@acme.example",
        "olga\x00@acme.example",
        "olga\u200b@acme.example",
        "\u202eolga@acme.example",
        "o" * 65 + "@acme.example",
        "olga@" + "a." * 130 + "example",
        "olga@acme.e",
    ],
)
def test_what_is_no_address_is_none(typed: str) -> None:
    assert normal_email(typed) is None


@given(st.text(max_size=80) | st.emails())
def test_the_normal_form_of_a_normal_form_is_itself(typed: str) -> None:
    normal = normal_email(typed)

    assert normal is None or normal_email(normal) == normal


@pytest.mark.parametrize("kind", [INVITATION, REFRESH])
def test_a_ticket_is_read_as_it_was_written_and_only_as_its_kind(kind: str) -> None:
    ticket = new_ticket(kind, tenant_id="acme", entity_id=AN_ID)

    assert read_ticket(str(ticket), kind=kind) == ticket
    assert read_ticket(f" {ticket}\n", kind=kind) == ticket
    assert read_ticket(str(ticket), kind=REFRESH if kind == INVITATION else INVITATION) is None
    assert len(str(ticket)) <= 256


def test_a_ticket_shows_its_secret_only_to_who_asks_for_it() -> None:
    ticket = new_ticket(REFRESH, tenant_id="acme", entity_id=AN_ID)

    assert ticket.secret not in repr(ticket)
    assert ticket.secret not in f"{[ticket]}"
    assert ticket.secret.encode() not in ticket.secret_hash


def test_no_two_tickets_have_the_same_secret() -> None:
    assert len({new_ticket(REFRESH, tenant_id="acme", entity_id=AN_ID).secret for _ in range(100)}) == 100


@given(st.text(max_size=200))
def test_what_is_no_ticket_is_none(text: str) -> None:
    assert read_ticket(text, kind=REFRESH) is None


@pytest.mark.parametrize("tenant", ["ACME", "a/b", "", "-a", "a" * 65, "a.b", "ä"])
def test_a_ticket_names_a_tenant_that_can_be_one(tenant: str) -> None:
    assert read_ticket(str(new_ticket(REFRESH, tenant_id=tenant, entity_id=AN_ID)), kind=REFRESH) is None


def test_there_are_ten_different_recovery_codes_that_can_be_read_from_paper() -> None:
    codes = new_recovery_codes()

    assert len(set(codes)) == 10
    for code in codes:
        assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
        assert not set(code) & set("0O1I")


def test_a_recovery_code_may_be_typed_with_spaces_without_dashes_and_in_lower_case() -> None:
    code = new_recovery_codes()[0]

    assert recovery_hash(code) == recovery_hash(code.lower().replace("-", " ")) == recovery_hash(code.replace("-", ""))
    assert recovery_hash(code) != recovery_hash(code[:-1])


def test_the_fifth_failure_in_a_row_locks_for_half_an_hour() -> None:
    user = a_user()
    for number in range(1, 6):
        user = failed(user, at=NOON)
        assert user.failures == number
        assert user.is_locked(NOON) == (number == 5)

    assert user.locked_until == NOON + LOCKED_FOR == NOON + timedelta(minutes=30)
    assert user.is_locked(NOON + LOCKED_FOR - timedelta(microseconds=1))
    assert not user.is_locked(NOON + LOCKED_FOR)


def test_after_a_lock_counting_starts_anew() -> None:
    locked = a_user(failures=5, locked_until=NOON)

    again = failed(locked, at=NOON)

    assert (again.failures, again.locked_until) == (1, None)
    for _ in range(4):
        again = failed(again, at=NOON + SECOND)
    assert again.is_locked(NOON + SECOND)


def test_to_be_unlocked_is_to_have_no_failures() -> None:
    user = unlocked(a_user(failures=5, locked_until=NOON + DAY))

    assert (user.failures, user.locked_until) == (0, None)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2400)), max_size=40))
def test_nobody_has_more_than_five_wrong_tries_in_any_half_hour_without_a_right_one(
    tries: list[tuple[bool, int]],
) -> None:
    user, at, wrong_since_right = a_user(), NOON, list[object]()
    for is_right, later in tries:
        at += timedelta(seconds=later)
        if user.is_locked(at):
            continue
        user = unlocked(user) if is_right else failed(user, at=at)
        wrong_since_right = [] if is_right else [*(t for t in wrong_since_right if at - t < LOCKED_FOR), at]  # type: ignore[operator]
        assert len(wrong_since_right) <= credentials.TRIES
