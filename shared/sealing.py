"""Secrets that must be readable again: sealed at rest, each for its owner, under a key that lies in a file."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.secret_files import KeyFileError, kept

_NONCE = 12
"""Bytes, as AES-GCM wants them."""


class Seal:
    """Encrypts what must be readable again, bound to whom it belongs to (AES-256-GCM)."""

    def __init__(self, key: bytes, *, name: str) -> None:
        """Take a key of 256 bits, and the name of its file for errors."""
        self._cipher = AESGCM(key)
        self._name = name

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Return the seal whose key is in the file, as 256 bits in base64url; the first call makes it, where it may.

        Raises:
            KeyFileError: the file holds no such key, or is not there and cannot be made.
        """
        text = kept(path, lambda: secrets.token_urlsafe(32))
        try:
            key = base64.urlsafe_b64decode(text.strip() + "=")
        except ValueError:
            key = b""
        if len(key) != 32:  # noqa: PLR2004 - bytes of AES-256
            raise KeyFileError(f"{path} does not hold 256 bits in base64url")
        return cls(key, name=path.name)

    def close(self, secret: bytes, *, owner: str) -> bytes:
        """Return the secret sealed for its owner: 12 bytes of nonce, then the ciphertext."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret, owner.encode())

    def open(self, sealed: bytes, *, owner: str) -> bytes:
        """Return the secret.

        Raises:
            KeyFileError: it was sealed with another key or for somebody else.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], owner.encode())
        except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
            raise KeyFileError(f"a sealed secret does not open with {self._name}") from None
