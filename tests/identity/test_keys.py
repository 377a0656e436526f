"""Identity's own keys: made once, for the owner's eyes only, named clearly where they are wrong, and rotated."""

from __future__ import annotations

import base64
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from nuxari_events.roles import Role

from services.identity.keys import SEALING_KEY, SIGNING_KEY, KeyFileError, Seal, SigningKeys
from shared.access.tokens import InvalidTokenError, TokenIssuer, TokenVerifier, Watermarks
from tests.access.credentials import NOON, a_token, claims

SHOWN = """
import sys
from pathlib import Path
from services.identity.keys import Seal, SigningKeys
directory = Path(sys.argv[1])
sys.stdin.readline()
keys, seal = SigningKeys.kept_in(directory), Seal.kept_in(directory)
print(keys.signing.kid, seal.close(b"secret", owner="ada").hex())
"""


def private(key: Any, encryption: Any = None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())  # type: ignore[no-any-return]


def kept(directory: Path, name: str, content: bytes) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / name).write_bytes(content)
    return directory


def a_pem() -> bytes:
    return private(Ed25519PrivateKey.generate())


def verifier(keys: SigningKeys) -> TokenVerifier:
    return TokenVerifier(keys.source(), Watermarks())


def test_processes_that_make_the_keys_at_once_have_the_same(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    processes = [
        subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", SHOWN, str(secrets)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=30)[0].split() for process in processes]

    assert len({kid for kid, _ in said}) == 1
    assert SigningKeys.kept_in(secrets).signing.kid == said[0][0]
    seal = Seal.kept_in(secrets)
    assert {seal.open(bytes.fromhex(sealed), owner="ada") for _, sealed in said} == {b"secret"}
    assert sorted(path.name for path in secrets.iterdir()) == [SEALING_KEY, SIGNING_KEY]


def test_the_files_are_for_their_owners_eyes_only(tmp_path: Path) -> None:
    secrets = tmp_path / "new" / "secrets"
    SigningKeys.kept_in(secrets)
    Seal.kept_in(secrets)

    for path in (secrets / SIGNING_KEY, secrets / SEALING_KEY):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700


def test_a_later_start_has_the_same_keys(tmp_path: Path) -> None:
    first, sealed = SigningKeys.kept_in(tmp_path), Seal.kept_in(tmp_path).close(b"secret", owner="ada")

    assert SigningKeys.kept_in(tmp_path).signing.kid == first.signing.kid
    assert Seal.kept_in(tmp_path).open(sealed, owner="ada") == b"secret"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a key",
        b"\xff\xfe binary",
        b"{}",
        private(generate_private_key(SECP256R1())),
        private(X25519PrivateKey.generate()),
        private(Ed25519PrivateKey.generate(), BestAvailableEncryption(b"password")),
        Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        a_pem()[:60],
    ],
    ids=["empty", "text", "binary", "json", "P-256", "X25519", "encrypted", "public", "cut off"],
)
@pytest.mark.parametrize("name", [SIGNING_KEY, f"{SIGNING_KEY}.next"])
def test_a_wrong_signing_key_is_named_and_not_quoted(tmp_path: Path, name: str, content: bytes) -> None:
    SigningKeys.kept_in(tmp_path)
    kept(tmp_path, name, content)

    with pytest.raises(KeyFileError) as refused:
        SigningKeys.kept_in(tmp_path)
    assert str(tmp_path / name) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert not content or content.decode("latin-1").strip()[-20:] not in str(refused.value)


@pytest.mark.parametrize(
    "content", [b"", b"short", b"\xff" * 32, base64.urlsafe_b64encode(b"1" * 16), "schlüssel".encode()]
)
def test_a_wrong_sealing_key_is_named_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    kept(tmp_path, SEALING_KEY, content)

    with pytest.raises(KeyFileError, match=SEALING_KEY) as refused:
        Seal.kept_in(tmp_path)
    assert not content or content.decode("latin-1") not in str(refused.value)


@pytest.mark.parametrize(("read", "name"), [(SigningKeys.kept_in, SIGNING_KEY), (Seal.kept_in, SEALING_KEY)])
def test_a_file_that_cannot_be_read_or_made_is_named(tmp_path: Path, read: Callable[[Path], object], name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(KeyFileError, match=f"{name} cannot be read"):
        read(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(KeyFileError, match=f"{name} is not there and cannot be made"):
        read(tmp_path / "file")


def test_what_is_published_has_no_private_part(tmp_path: Path) -> None:
    kept(tmp_path, f"{SIGNING_KEY}.next", a_pem())
    document = SigningKeys.kept_in(tmp_path).document()

    keys: Any = document["keys"]
    assert len(keys) == 2
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
        assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("OKP", "Ed25519", "sig", "Ed25519")


async def test_a_next_key_is_published_its_tokens_verify_and_it_does_not_sign(tmp_path: Path) -> None:
    pem = a_pem()
    kept(tmp_path, f"{SIGNING_KEY}.next", pem)
    keys = SigningKeys.kept_in(tmp_path)
    coming = SigningKeys.kept_in(kept(tmp_path / "elsewhere", SIGNING_KEY, pem)).signing

    assert {key.kid for key in keys.published} == {keys.signing.kid, coming.kid}
    assert keys.signing.kid != coming.kid
    for key in (keys.signing, coming):
        caller = await verifier(keys).verify(a_token(key, Role.APPROVER), at=NOON)
        assert caller.user_id == "ada"


async def test_a_key_is_rotated_without_a_moment_in_which_a_token_fails(tmp_path: Path) -> None:
    old = SigningKeys.kept_in(tmp_path)
    kept(tmp_path, f"{SIGNING_KEY}.next", a_pem())
    before = SigningKeys.kept_in(tmp_path)
    (tmp_path / SIGNING_KEY).rename(tmp_path / f"{SIGNING_KEY}.previous")
    (tmp_path / f"{SIGNING_KEY}.next").rename(tmp_path / SIGNING_KEY)
    after = SigningKeys.kept_in(tmp_path)

    tokens = [TokenIssuer(keys.signing).issue(claims(Role.APPROVER), at=NOON) for keys in (old, before, after)]
    for keys in (before, after):
        for token in tokens:
            assert (await verifier(keys).verify(token, at=NOON)).user_id == "ada"
    (tmp_path / f"{SIGNING_KEY}.previous").unlink()
    with pytest.raises(InvalidTokenError):
        await verifier(SigningKeys.kept_in(tmp_path)).verify(tokens[0], at=NOON)


def test_a_sealed_secret_opens_for_its_owner_alone_and_only_whole(tmp_path: Path) -> None:
    seal = Seal.kept_in(tmp_path)
    sealed = seal.close(b"JBSWY3DP", owner="acme/f1")

    assert b"JBSWY3DP" not in sealed
    assert seal.close(b"JBSWY3DP", owner="acme/f1") != sealed
    assert seal.open(sealed, owner="acme/f1") == b"JBSWY3DP"
    for broken, owner in [
        (sealed, "acme/f2"),
        (sealed, "globex/f1"),
        (sealed[:-1], "acme/f1"),
        (bytes([sealed[0] ^ 1]) + sealed[1:], "acme/f1"),
        (b"", "acme/f1"),
    ]:
        with pytest.raises(KeyFileError, match=SEALING_KEY):
            seal.open(broken, owner=owner)
