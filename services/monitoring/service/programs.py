"""The program that counts for a tenant: the pack, as the tenant has set it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from services.monitoring.domain.configuration import Configuration
from services.monitoring.domain.derived import NO_DATABASES, Databases, Derivation
from services.monitoring.domain.effective import Effective
from services.monitoring.domain.fact_layout import Facts
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


def maker(databases: Databases = NO_DATABASES) -> Callable[[Configuration, Effective], Program]:
    """Return what makes the program of a configuration; its derived fields look up the databases."""

    def make(configuration: Configuration, counts: Effective) -> Program:
        layout = Facts(Derivation(configuration.surroundings, databases).reader)
        return Program(Source(rules=counts.rules, raising=counts.raising, exceptions=counts.exceptions, layout=layout))

    return make
