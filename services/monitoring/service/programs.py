"""The program that counts for a tenant: the pack, as the tenant has set it."""

from __future__ import annotations

from functools import cache

from services.monitoring.domain.program import Program, Raising, Source
from services.monitoring.sigma.pack import Pack, pack


@cache
def of_pack() -> Program:
    """Return the program of a tenant that has set nothing."""
    return program_of(pack())


def program_of(given: Pack) -> Program:
    """Return the pack's rules, compiled."""
    raising = {identity: Raising(severity=head.level) for identity, head in given.raising.items()}
    return Program(Source(rules=given.rules, raising=raising))
