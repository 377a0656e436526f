"""Rule files that somebody has at hand, over those that come with the service: after this, it is known what raises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath

from services.monitoring.domain.sigma import Correlation, Head, RuleSet
from services.monitoring.sigma.loading import load
from services.monitoring.sigma.pack import Pack, pack
from services.monitoring.sigma.reading import Read, documents


def chosen(texts: Mapping[str, str]) -> Pack:
    """Return the rules of the files: they alone raise, and they may refer to the pack's.

    A file that is called as one of the pack's stands in its place. Where any of them has the number of a detection only
    those raise that have one, as in the pack; else all that no correlation has taken for itself.

    Raises:
        RulesError: with every fault that was found.
    """
    names = {PurePath(name).name for name in texts}
    rules = load({name: text for name, text in pack().texts.items() if name not in names} | dict(texts))
    mine = frozenset(_identities(texts))
    heads = [head for head in heads_of(rules) if head.id in mine]
    numbered = [head for head in heads if "detection" in head.extensions]
    alone = rules.raising()
    raising = numbered or [head for head in heads if head.id in alone]
    return narrowed(Pack(texts, rules, {head.id: head for head in raising}), (head.id for head in raising))


def narrowed(given: Pack, raising: Iterable[str]) -> Pack:
    """Return the rules without what none of these rests on; these alone raise."""
    wanted = frozenset(raising)
    needed = frozenset(_needed(given.rules, wanted))
    selections = {name: one for name, one in given.rules.selections.items() if name in needed}
    correlations = tuple(one for one in given.rules.correlations if one.head.id in needed)
    heads = {one: head for one, head in given.raising.items() if one in wanted}
    return Pack(given.texts, RuleSet(selections, correlations), heads)


def heads_of(rules: RuleSet) -> Iterator[Head]:
    """Yield what each rule says about itself."""
    yield from (one.head for one in rules.selections.values())
    yield from (one.head for one in rules.correlations)


def correlation_of(rules: RuleSet, identity: str) -> Correlation | None:
    """Return the correlation of that id; None where it is a rule of single events."""
    return next((one for one in rules.correlations if one.head.id == identity), None)


def leaves_of(rules: RuleSet, identity: str) -> Iterator[str]:
    """Yield the ids of the rules of single events that the rule rests on, or is, each once."""
    yield from (one for one in dict.fromkeys(_needed(rules, [identity])) if one in rules.selections)


def _identities(texts: Mapping[str, str]) -> Iterator[str]:
    for name, text in texts.items():
        for one in documents(name, text):
            if isinstance(one, Read):
                yield str(one.rule.id or one.rule.name or one.rule.title)


def _needed(rules: RuleSet, identities: Iterable[str]) -> Iterator[str]:
    for identity in identities:
        yield identity
        found = correlation_of(rules, identity)
        if found is not None:
            yield from _needed(rules, found.references)
