"""Identity's own secrets from files: the key that signs tokens, and the key that seals authenticator secrets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.jwk import KeySet, OKPKey

from shared import sealing
from shared.access.keys import KeySource
from shared.secret_files import KeyFileError, kept, text

__all__ = ["SEALING_KEY", "SIGNING_KEY", "KeyFileError", "Seal", "SigningKeys"]

SIGNING_KEY = "identity_signing_key"
"""A PEM file (PKCS#8, Ed25519). Keys beside it with a further name, such as `.next`, are published and do not sign."""

SEALING_KEY = "identity_sealing_key"
"""256 bits in base64url."""


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
        signing = _key(kept(directory / SIGNING_KEY, _new_signing_key), directory / SIGNING_KEY)
        others = sorted(directory.glob(f"{SIGNING_KEY}.*"))
        return cls(signing, (signing, *(_key(text(path), path) for path in others)))

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


class Seal(sealing.Seal):
    """Encrypts authenticator secrets, each bound to whom it belongs to."""

    @classmethod
    def kept_in(cls, directory: Path) -> Seal:
        """Return the seal whose key is in the directory; the first call makes it, where it may.

        Raises:
            KeyFileError: the file holds no such key, or none is there and none can be made.
        """
        return cls.of_file(directory / SEALING_KEY)


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
