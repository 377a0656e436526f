"""The pack and a tenant's own rules side by side: what there is to be set, and what comes of a configuration."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.monitoring.domain.configuration import Configuration, ExceptionRule
from services.monitoring.domain.effective import Effective, effective
from services.monitoring.domain.program import Excepting, milliseconds
from services.monitoring.domain.rule_facts import RuleFacts, facts_of
from services.monitoring.domain.sigma import RuleSet
from services.monitoring.domain.silencing import Silencer
from services.monitoring.sigma.filters import excepted, silenced
from services.monitoring.sigma.loading import RulesError
from services.monitoring.sigma.own_rules import OwnRules, own_rules
from services.monitoring.sigma.pack import Pack

_KEPT = 64
"""Tenants' own rules that are kept loaded: loading takes a few hundred milliseconds."""


@dataclass(frozen=True)
class Rulebook:
    """Every rule that a tenant has."""

    pack: Pack
    own: OwnRules
    facts: Mapping[str, RuleFacts]
    """By id: the pack's detections by number, then the tenant's rules."""

    def find(self, name: str) -> RuleFacts | None:
        """Return the rule of that id, or of the name that alerts have for it."""
        return self.facts.get(name) or next((one for one in self.facts.values() if one.name == name), None)

    def name_of(self, identity: str) -> str:
        """Return what alerts call the rule; of one that there is not, its id."""
        found = self.facts.get(identity)
        return identity if found is None else found.name


class InForce(NamedTuple):
    """What counts for a tenant."""

    effective: Effective
    silencer: Silencer
    faults: tuple[str, ...]
    """What of the configuration could not be made use of, and why."""


class Rulebooks:
    """Opens rulebooks, each once as long as it is in use."""

    def __init__(self, pack: Callable[[], Pack]) -> None:
        self._of_pack = pack
        self._plain: Rulebook | None = None
        self._kept: OrderedDict[tuple[tuple[str, str], ...], Rulebook] = OrderedDict()

    @property
    def plain(self) -> Rulebook:
        """That of a tenant without rules of its own."""
        if self._plain is None:
            pack = self._of_pack()
            self._plain = Rulebook(pack, OwnRules(), facts_of(pack.rules, pack.raising))
        return self._plain

    async def opened(self, files: Mapping[str, str]) -> Rulebook:
        """Return the rulebook with the files' rules, while others are served: loading takes a while.

        Raises:
            RulesError: with every fault of the files.
        """
        if not files:
            return self.plain
        key = tuple(sorted(files.items()))
        if key not in self._kept:
            book = await asyncio.to_thread(_opened, self.plain, files)
            self._kept[key] = book
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return book
        self._kept.move_to_end(key)
        return self._kept[key]

    async def as_far_as_readable(self, files: Mapping[str, str]) -> Rulebook:
        """Return the rulebook; without the tenant's own rules where the pack of today makes them unreadable."""
        try:
            return await self.opened(files)
        except RulesError:
            return self.plain


def _opened(plain: Rulebook, files: Mapping[str, str]) -> Rulebook:
    own = own_rules(files, plain.pack)
    whole = joined(plain.pack.rules, own.rules)
    facts = {**facts_of(whole, plain.pack.raising), **facts_of(whole, own.raising, is_own=True)}
    return Rulebook(plain.pack, own, facts)


def joined(pack: RuleSet, own: RuleSet) -> RuleSet:
    """Return the rules of both."""
    return RuleSet({**pack.selections, **own.selections}, (*pack.correlations, *own.correlations))


def in_force(configuration: Configuration, book: Rulebook) -> InForce:
    """Return what the configuration makes of the rules; what of it cannot be used is left out and told."""
    faults: list[str] = []
    exceptions = [_excepting(one, faults) for one in configuration.exceptions]
    conditions = {}
    for one in configuration.silences:
        if one.condition is not None:
            try:
                conditions[one.id] = silenced(one.condition)
            except RulesError as error:
                faults.append(f"silence {one.id}: {error}")
    made = effective(
        book.pack.rules,
        raising=book.pack.raising,
        configuration=configuration,
        own=book.own.rules,
        own_raising=book.own.raising,
        exceptions=[one for one in exceptions if one is not None],
    )
    names = {identity: one.name for identity, one in book.facts.items()}
    return InForce(made, Silencer(configuration.silences, conditions=conditions, names=names), tuple(faults))


def _excepting(one: ExceptionRule, faults: list[str]) -> Excepting | None:
    try:
        condition = excepted(one.filter)
    except RulesError as error:
        faults.append(f"exception {one.id}: {error}")
        return None
    return Excepting(
        id=one.id,
        rule=one.rule,
        reason=one.reason,
        condition=condition,
        begins_ms=milliseconds(one.begins_at),
        ends_ms=milliseconds(one.ends_at),
    )
