"""Identity's own secrets from files: the key that signs tokens, and the key that seals authenticator secrets."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.jwk import KeySet, OKPKey

from shared.access.keys import KeySource

SIGNING_KEY = "identity_signing_key"
"""A PEM file (PKCS#8, Ed25519). Keys beside it with a further name, such as `.next`, are published and do not sign."""

SEALING_KEY = "identity_sealing_key"
"""256 bits in base64url."""


class KeyFileError(Exception):
    """A key file does not hold what it should; the text names the file, never its content."""


@dataclass(frozen=True)
class SigningKeys:
    """The key that signs, and all whose signatures count."""

    signing: OKPKey
    published: tuple[OKPKey, ...]

    @classmethod
    def kept_in(cls, directory: Path) -> SigningKeys:
        """Return the keys of the directory; the first call makes the one that signs, where it may.

        Raises:
            KeyFileError: a file is no Ed25519 key, or none is there and none can be made.
        """
        signing = _key(_kept(directory / SIGNING_KEY, _new_signing_key), directory / SIGNING_KEY)
        others = sorted(directory.glob(f"{SIGNING_KEY}.*"))
        return cls(signing, (signing, *(_key(_text(path), path) for path in others)))

    def document(self) -> dict[str, object]:
        """Return the public keys as a JWK Set (RFC 7517)."""
        return {
            "keys": [
                {**key.as_dict(private=False), "kid": key.kid, "use": "sig", "alg": "Ed25519"} for key in self.published
            ]
        }

    def source(self) -> KeySource:
        """Return the same keys for identity's own verifier, which need not ask over HTTP."""
        keys = KeySet.import_key_set(self.document())  # type: ignore[arg-type]

        async def published() -> KeySet:
            return keys

        return published


class Seal:
    """Encrypts what must be readable again, bound to whom it belongs to (AES-256-GCM)."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def kept_in(cls, directory: Path) -> Seal:
        """Return the seal whose key is in the directory; the first call makes it, where it may.

        Raises:
            KeyFileError: the file holds no such key, or none is there and none can be made.
        """
        path = directory / SEALING_KEY
        text = _kept(path, lambda: secrets.token_urlsafe(32))
        try:
            key = base64.urlsafe_b64decode(text.strip() + "=")
        except ValueError:
            key = b""
        if len(key) != 32:  # noqa: PLR2004 - bytes of AES-256
            raise KeyFileError(f"{path} does not hold 256 bits in base64url")
        return cls(key)

    def close(self, secret: bytes, *, owner: str) -> bytes:
        """Return the secret sealed for its owner: 12 bytes of nonce, then the ciphertext."""
        nonce = secrets.token_bytes(12)
        return nonce + self._cipher.encrypt(nonce, secret, owner.encode())

    def open(self, sealed: bytes, *, owner: str) -> bytes:
        """Return the secret.

        Raises:
            KeyFileError: it was sealed with another key or for somebody else.
        """
        try:
            return self._cipher.decrypt(sealed[:12], sealed[12:], owner.encode())
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
            raise KeyFileError(f"a sealed secret does not open with {SEALING_KEY}") from None


def _new_signing_key() -> str:
    return OKPKey.generate_key("Ed25519").as_pem(private=True).decode()


def _key(text: str, path: Path) -> OKPKey:
    """Read it with cryptography first: joserfc fails in as many ways as there are other kinds of keys."""
    try:
        read = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFileError(f"{path} is no private key in PEM form that opens without a password") from None
    if not isinstance(read, Ed25519PrivateKey):
        raise KeyFileError(f"{path} is a private key, but no Ed25519 one")
    key = OKPKey.import_key(text)
    key.ensure_kid()
    return key


def _kept(path: Path, make: Callable[[], str]) -> str:
    """Return the file's text; of two processes that make it at once, both get the same."""
    if path.exists():
        return _text(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
        _link_once(new, path)
    except OSError as error:
        raise KeyFileError(f"{path} is not there and cannot be made: {error.strerror}") from None
    return _text(path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise KeyFileError(f"{path} is no text file") from None


def _link_once(new: Path, path: Path) -> None:
    try:
        os.link(new, path)
    except FileExistsError:
        return
    finally:
        new.unlink()
