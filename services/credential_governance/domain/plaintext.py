"""Secrets in the wrong place: says whether a text holds something that looks like one (check LEK-03).

Names and notes are shown, announced and kept for ever, so what looks like a secret is kept out of them. It is a guess:
a refused fingerprint costs its writer a prefix (`SHA256:`), a kept secret costs a leak.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

_KNOWN = re.compile(
    r"-----\s*BEGIN\b[A-Z0-9 ]*\bPRIVATE KEY\b"
    r"|PuTTY-User-Key-File|AGE-SECRET-KEY-1"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"
    r"|\b(?:gh[opsur]_|github_pat_|glpat-|xox[abeoprs]-|[rs]k_(?:live|test)_|sk-|npm_|pypi-|hvs\.|dop_v1_|AIza)[\w-]{16,}"
    r"|://[^\s/:@]+:[^\s/@]+@"
    r"|\b(?i:password|passwd|pwd|secret|token|api[_-]?key)\s*[=:]\s*\S{6,}",
)
"""Private keys, JSON Web Tokens, tokens of known makers, addresses with a password, and `password=...`."""

_FINGERPRINT = re.compile(r"\b(?i:sha-?(?:1|256|512)|md5)[:=][A-Za-z0-9+/=]+")
"""What a digest says of itself, as `ssh-keygen -l` and `openssl x509 -fingerprint` write it."""

_RUN = re.compile(r"[A-Za-z0-9+/_=.~-]{20,}")

_SEPARATORS = re.compile(r"[-_/+=.~]+")

SHORTEST = 20
"""Characters; shorter random text is seldom a machine's secret and often an id."""

LEAST_ENTROPY = 3.0
"""Bits per character: random hexadecimal of 20 characters has about 3.4, `aaaa1111aaaa1111aaaa` has 1."""

LEAST_MIXTURE = 0.25
"""Share of neighbours of different class (upper, lower, digit): random text has about half, joined words below 0.2."""


def looks_like_secret(text: str) -> bool:
    """Say whether the text holds a private key, a known kind of token, or a long random run of characters."""
    if _KNOWN.search(text):
        return True
    candidates = _RUN.findall(_FINGERPRINT.sub(" ", text))
    return any(_is_random(piece) for run in candidates for piece in _pieces(run))


def _pieces(run: str) -> list[str]:
    """Return the parts of a run that would have to be random.

    A few separators are digits of base64, many divide words: a UUID, or `prod-eu1-db2-read`, falls apart.
    """
    run = run.strip("=")
    separators = sum(not character.isalnum() for character in run)
    if separators * 10 <= len(run):
        return [_SEPARATORS.sub("", run)]
    return _SEPARATORS.split(run)


def _is_random(piece: str) -> bool:
    return len(piece) >= SHORTEST and _entropy(piece) >= LEAST_ENTROPY and _mixture(piece) >= LEAST_MIXTURE


def _entropy(piece: str) -> float:
    """Return Shannon's entropy in bits per character."""
    shares = [count / len(piece) for count in Counter(piece).values()]
    return -sum(share * math.log2(share) for share in shares)


def _mixture(piece: str) -> float:
    changes = sum(_class(a) != _class(b) for a, b in pairwise(piece))
    return changes / (len(piece) - 1)


def _class(character: str) -> str:
    if character.isdigit():
        return "digit"
    return "upper" if character.isupper() else "lower"
