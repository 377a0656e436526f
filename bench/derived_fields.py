"""Nanoseconds that a derived field costs of an event of the stream: `python -m bench.derived_fields`.

The events are 200,000 sign-ins of 5,000 addresses with 50 user agents within two days; the tenant has 300 networks.
The second column is of the first 5,000 of them, when no address and no agent has been seen before.
"""

from __future__ import annotations

import random
import time
from types import SimpleNamespace
from typing import Any

from services.monitoring.domain.configuration import Surroundings
from services.monitoring.domain.derived import FIELDS, Derivation
from services.monitoring.domain.derived.addresses import address_of
from services.monitoring.domain.derived.agents import agent_of
from services.monitoring.domain.fields import Read
from services.monitoring.domain.model import Fact
from services.monitoring.geo import GeoDatabases

EVENTS, ADDRESSES, AGENTS, NETWORKS = 200_000, 5_000, 50, 300
START_MS, SPAN_MS = 1_772_442_000_000, 172_800_000
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
)


def main() -> None:
    """Print the table."""
    chance = random.Random(1)  # noqa: S311 - test data
    facts = _facts(chance)
    networks = tuple(f"{_address(chance)}/24" for _ in range(NETWORKS))
    settings = Surroundings(trusted_networks=networks, time_zone="Europe/Berlin")
    nothing = _nanoseconds(lambda _: None, facts)
    print(f"{'field':24}{'ns':>8}{'ns first':>10}")
    for name in FIELDS:
        address_of.cache_clear()
        agent_of.cache_clear()
        read = Derivation(settings, GeoDatabases()).reader(name)
        assert read is not None
        first = _nanoseconds(read, facts[:ADDRESSES]) - nothing
        print(f"{name:24}{min(_nanoseconds(read, facts) for _ in range(3)) - nothing:8.0f}{first:10.0f}")


def _nanoseconds(read: Read, facts: list[Fact]) -> float:
    begun = time.perf_counter()
    for fact in facts:
        read(fact)
    return (time.perf_counter() - begun) / len(facts) * 1e9


def _facts(chance: random.Random) -> list[Fact]:
    addresses = [_address(chance) for _ in range(ADDRESSES)]
    agents = [CHROME.format(version) for version in range(100, 100 + AGENTS)]
    return [_fact(number, chance, addresses[number % ADDRESSES], agents[number % AGENTS]) for number in range(EVENTS)]


def _fact(number: int, chance: random.Random, ip: str, agent: str) -> Fact:
    data: Any = SimpleNamespace(ip=ip, answer_ip=ip, user_agent=agent, country=None, asn=None, anonymous_proxy=False)
    at = START_MS + chance.randrange(SPAN_MS)
    return Fact("t", "/bench", str(number), at, "acme", data, "access.activity", 0, number, at)


def _address(chance: random.Random) -> str:
    return ".".join(str(chance.randrange(1, 224)) for _ in range(4))


if __name__ == "__main__":
    main()
