"""A login's password as PostgreSQL keeps it: after this, no password is in an SQL statement, so in no server's log."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64encode

_ITERATIONS = 4096
"""PostgreSQL's own default (`scram_iterations`)."""

_SALT_BYTES = 16


def scram_verifier(password: str) -> str:
    """Return what `create role ... password` takes instead of the ASCII password: RFC 5802's keys for SCRAM-SHA-256."""
    salt = secrets.token_bytes(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${_ITERATIONS}:{_text(salt)}${_text(stored_key)}:{_text(server_key)}"


def _text(value: bytes) -> str:
    return b64encode(value).decode()
