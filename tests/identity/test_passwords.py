"""Hashing as it is done for real, and codes of an authenticator."""

from __future__ import annotations

import time
from datetime import timedelta

import pyotp
import pytest

from services.identity import authenticator
from services.identity.authenticator import STEP, accepted_step
from services.identity.passwords import Passwords
from tests.identity.builders import NOON, PASSWORD

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NOW = int(NOON.timestamp() // 30)


def accepted(code: str, *, last_step: int = 0, at: timedelta = timedelta()) -> int | None:
    return accepted_step(SECRET, code, last_step=last_step, at=NOON + at)


async def test_a_hash_is_argon2id_with_64_mebibytes_and_matches_its_password_alone() -> None:
    passwords = Passwords()
    hashed = await passwords.hashed(PASSWORD)

    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PASSWORD not in hashed
    assert await passwords.match(hashed, PASSWORD)
    assert not await passwords.match(hashed, PASSWORD + " ")
    assert await passwords.hashed(PASSWORD) != hashed


async def test_an_account_that_does_not_exist_takes_as_long_to_refuse_and_never_matches() -> None:
    passwords = Passwords()
    hashed = await passwords.hashed(PASSWORD)
    took: dict[str | None, list[float]] = {hashed: [], None: []}
    for _ in range(3):
        for known, times in took.items():
            began = time.perf_counter()
            assert not await passwords.match(known, "the password of an account that does not exist")
            times.append(time.perf_counter() - began)

    assert min(took[None]) > min(took[hashed]) / 2


@pytest.mark.parametrize("broken", ["", "plain", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv"])
async def test_what_is_no_hash_matches_nothing(broken: str) -> None:
    assert not await Passwords().match(broken, PASSWORD)


@pytest.mark.parametrize("drift", [-1, 0, 1])
def test_a_code_counts_one_step_either_way(drift: int) -> None:
    assert accepted(pyotp.TOTP(SECRET).generate_otp(NOW + drift)) == NOW + drift


@pytest.mark.parametrize("drift", [-2, 2])
def test_a_code_two_steps_away_does_not_count(drift: int) -> None:
    assert accepted(pyotp.TOTP(SECRET).generate_otp(NOW + drift)) is None


def test_no_code_counts_twice_nor_one_older_than_the_last() -> None:
    code = pyotp.TOTP(SECRET).at(NOON)

    assert accepted(code, last_step=NOW) is None
    assert accepted(code, last_step=NOW, at=STEP) is None
    assert accepted(code, last_step=NOW + 1) is None
    assert accepted(pyotp.TOTP(SECRET).at(NOON + STEP), last_step=NOW, at=STEP) == NOW + 1


@pytest.mark.parametrize("code", ["", "00000", "abcdef", "\uff11\uff12\uff13\uff14\uff15\uff16", "000000 "])
def test_what_is_no_code_does_not_count(code: str) -> None:
    assert accepted(code) is None


def test_an_enrolment_is_scanned_with_the_name_of_the_house_and_the_address() -> None:
    uri = authenticator.enrolment_uri(SECRET, email="olga@acme.example")

    assert uri == f"otpauth://totp/Nuxari:olga%40acme.example?secret={SECRET}&issuer=Nuxari"


def test_every_secret_has_160_random_bits() -> None:
    secrets = {authenticator.new_secret() for _ in range(50)}

    assert len(secrets) == 50
    assert {len(secret) * 5 for secret in secrets} == {160}
