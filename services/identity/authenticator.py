"""Codes of an authenticator app (RFC 6238): six digits, 30 s, one step of drift, and no code twice."""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta

import pyotp

STEP = timedelta(seconds=30)
DRIFT = 1
"""Steps either way (NUXARI.md, numbers)."""

ISSUER = "Nuxari"


def new_secret() -> str:
    """Return a new secret of 160 random bits, in base32."""
    return pyotp.random_base32()


def enrolment_uri(secret: str, *, email: str) -> str:
    """Return what an authenticator app scans."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def accepted_step(secret: str, code: str, *, last_step: int, at: datetime) -> int | None:
    """Return the time step whose code this is, None if there is none later than the last one that was accepted."""
    totp = pyotp.TOTP(secret)
    now = int(at.timestamp() // STEP.total_seconds())
    matching = [
        step
        for step in range(now - DRIFT, now + DRIFT + 1)
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode())
    ]
    return next((step for step in matching if step > last_step), None)
