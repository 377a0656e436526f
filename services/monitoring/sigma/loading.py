"""Rule files to a rule set: all of it, or every reason why not, each with its line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule, SigmaExtendedCorrelationCondition
from sigma.exceptions import SigmaError, SigmaRuleNotFoundError
from sigma.rule import SigmaRule

from services.monitoring.domain import sigma
from services.monitoring.sigma.correlations import Rule, correlation
from services.monitoring.sigma.keys import ExtensionError
from services.monitoring.sigma.reading import REFUSALS, Fault, Read, documents
from services.monitoring.sigma.translation import selection
from services.monitoring.sigma.values import NotSupportedError


class RulesError(Exception):
    """The rules cannot be loaded; nothing of them was."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("; ".join(map(str, self.faults)))


def load(files: Mapping[str, str], *, longest: timedelta | None = None) -> sigma.RuleSet:
    """Return the rules of the files, by their names; one file may hold several documents, and refer to another's.

    `longest` is the longest timespan that a correlation may have.

    Raises:
        RulesError: with every fault that was found.
    """
    found = [one for name, text in files.items() for one in documents(name, text)]
    read = [one for one in found if isinstance(one, Read)]
    faults = [one for one in found if isinstance(one, Fault)] or list(_same_names(read))
    if faults:
        raise RulesError(faults)
    return _resolved(read, longest=longest)


def _same_names(read: Iterable[Read]) -> Iterator[Fault]:
    """Two rules of one name or id: a reference to it would mean either."""
    seen: set[str] = set()
    for one in read:
        mine = {str(one.rule.id or ""): "id", one.rule.name or "": "name"}
        for name, key in mine.items():
            if name and name in seen:
                yield Fault(one.file, one.document.line_of_key(key), f"'{name}' is another rule's too")
        seen |= mine.keys()


class _Names:
    """What rules are known by: their UUID, else their name, else their title, with a number if it is not the first."""

    def __init__(self, collection: SigmaCollection) -> None:
        self._collection = collection
        self._of: dict[int, str] = {}
        taken: Counter[str] = Counter()
        for rule in collection.rules:
            wanted = str(rule.id or rule.name or rule.title)
            taken[wanted] += 1
            self._of[id(rule)] = wanted if taken[wanted] == 1 else f"{wanted} ({taken[wanted]})"

    def of(self, rule: Rule) -> str:
        return self._of[id(rule)]

    def find(self, reference: str) -> str | None:
        try:
            return self.of(self._collection[reference])
        except SigmaRuleNotFoundError:
            return None


def _resolved(read: list[Read], *, longest: timedelta | None) -> sigma.RuleSet:
    places = {id(one.rule): one for one in read}
    collection = _collection(read)
    _refuse_cycles(collection, places)
    names, faults = _Names(collection), list[Fault]()
    selections: dict[str, sigma.Selection] = {}
    correlations: list[sigma.Correlation] = []
    for rule in collection.rules:
        try:
            if isinstance(rule, SigmaRule):
                selections[names.of(rule)] = selection(rule, identity=names.of(rule))
            else:
                correlations.append(correlation(rule, names=names, longest=longest))
        except (*REFUSALS, NotSupportedError, ExtensionError) as error:
            faults.append(places[id(rule)].fault(error))
    if faults:
        raise RulesError(faults)
    return sigma.RuleSet(selections, tuple(correlations))


def _collection(read: list[Read]) -> SigmaCollection:
    """Return the rules with their references resolved and their filters applied, each after those it refers to."""
    try:
        collection = SigmaCollection([one.rule for one in read], resolve_references=False)
        faults = [fault for one in read for fault in _missing(one, collection)]
        if faults:
            raise RulesError(faults)
        collection.resolve_rule_references()
    except REFUSALS as error:
        raise RulesError([read[0].fault(error)]) from None
    return collection


def _missing(one: Read, collection: SigmaCollection) -> Iterator[Fault]:
    """Yield each reference of a correlation that leads nowhere, in the line that it stands in."""
    if not isinstance(one.rule, SigmaCorrelationRule):
        return
    condition = one.rule.condition
    extended = condition.get_referenced_rules() if isinstance(condition, SigmaExtendedCorrelationCondition) else ()
    for name in extended if one.rule.rules is None else (reference.reference for reference in one.rule.rules):
        try:
            collection[str(name)]
        except SigmaError as error:
            yield one.fault(error)


def _refuse_cycles(collection: SigmaCollection, places: Mapping[int, Read]) -> None:
    depths: dict[int, int] = {}
    for rule in collection.rules:
        if _depth(rule, depths, on_the_way=()) > sigma.DEEPEST:
            place = places[id(rule)]
            reason = f"correlations of correlations go {sigma.DEEPEST} levels deep at most, and never in a circle"
            raise RulesError([Fault(place.file, place.document.line_of_key("rules", "condition"), reason)])


def _depth(rule: object, depths: dict[int, int], *, on_the_way: tuple[int, ...]) -> int:
    """Return how many levels of correlations are below and with the rule; too many if it leads to itself."""
    if id(rule) in on_the_way or len(on_the_way) > sigma.DEEPEST:
        return sigma.DEEPEST + 1
    if not isinstance(rule, SigmaCorrelationRule):
        return 0
    if id(rule) not in depths:
        below = (_depth(one.rule, depths, on_the_way=(*on_the_way, id(rule))) for one in rule.referenced_rules)
        depths[id(rule)] = 1 + max(below, default=0)
    return depths[id(rule)]
