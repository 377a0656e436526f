"""Secrets in the wrong place are recognised, names of things are not."""

from __future__ import annotations

import base64
import random
import string

import pytest

from services.credential_governance.domain.plaintext import looks_like_secret

_ENCODINGS = (base64.b64encode, base64.urlsafe_b64encode)

PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow...\n-----END RSA PRIVATE KEY-----"

SECRETS = [
    PRIVATE_KEY,
    "-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNzaC1rZXktdjE",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----",
    "see -----BEGIN PRIVATE KEY----- in the vault",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "the key is 9f86d081884c7d659a2feaa0c55ad015 for now",
    "ghp_" + "a1B2" * 9,
    "postgres://app:hunter2hunter2@db/app",
    "password=correct-horse",
    "Secret: tr0ub4dor&3",
]

NAMES = [
    "nightly export",
    "prod-payment-gateway-restricted-key-2024",
    "AKIAIOSFODNN7EXAMPLE",
    "arn:aws:iam::123456789012:user/deploy-pipeline-production",
    "0193f2c4-7b1e-7c3a-9d52-1f0c6e8b4a77",
    "CN=api.internal.example.com,O=Example Corporation,C=DE",
    "build_agent_token_for_linux_runners_in_frankfurt",
    "productionDatabaseReadReplicaConnection",
    "SHA256:uNiVztksCsDhcc0u9e8BrVDQFcnWgcGRyu2zzU5Pd9E",
    "sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709 of the certificate",
    "https://wiki.example.com/runbooks/rotate-the-export-key",
    "2026-03-02T12:00:00.000000+00:00",
    "Schlüssel für den nächtlichen Export, bitte vor Ostern erneuern",
    "password of the kiosk, see the vault",
    "",
]


@pytest.mark.parametrize("text", SECRETS)
def test_what_looks_like_a_secret_is_recognised(text: str) -> None:
    assert looks_like_secret(text)


@pytest.mark.parametrize("text", NAMES)
def test_a_name_a_note_or_a_fingerprint_is_not_a_secret(text: str) -> None:
    assert not looks_like_secret(text)


@pytest.mark.parametrize("length", [24, 32, 40, 64])
@pytest.mark.parametrize("alphabet", [string.ascii_letters + string.digits, "0123456789abcdef"])
def test_nearly_every_random_token_is_recognised(length: int, alphabet: str) -> None:
    chance = random.Random(length)  # noqa: S311 - the same tokens in every run
    tokens = ["".join(chance.choices(alphabet, k=length)) for _ in range(1000)]
    assert sum(map(looks_like_secret, tokens)) >= 960


def test_nearly_every_random_base64_is_recognised() -> None:
    chance = random.Random(7)  # noqa: S311 - the same tokens in every run
    tokens = [encode(chance.randbytes(32)).decode() for encode in _ENCODINGS * 500]
    assert (
        sum(map(looks_like_secret, tokens)) >= 975
    )  # five separators or more, in one of a hundred, look like joined words
