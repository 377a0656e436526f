"""Rules over events of the past: after this, it is known what they would have raised, and how two sets differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.monitoring.domain.derived import Derivation
from services.monitoring.domain.engine import Engine, Programs
from services.monitoring.domain.model import Alert, Fact
from services.monitoring.sigma.pack import Pack
from services.monitoring.sigma.story_runs import Standing, program_for

TICK_MS = 500
SWEEP_MS = 10_000
"""How often the service looks at what was put off, and forgets; here by the clock of the records."""

_LOOKS = 4
"""At the end: what one look finds may be what a rule above rests on."""


class Backtest:
    """An engine without a service around it: it announces nothing and keeps nothing."""

    def __init__(self, rules: Pack, derivation: Derivation) -> None:
        program = program_for(rules, derivation)
        self._programs: Programs = lambda _: program
        self._engines: list[Engine] = []
        self._standing = Standing(rules)
        self.begin()

    def begin(self) -> None:
        """Go on with another partition: its tenants are others, and its time begins anew."""
        self._engine = Engine(self._programs)
        self._engines.append(self._engine)
        self._ticked_ms = self._swept_ms = -1

    def take(self, fact: Fact) -> None:
        """Take the next event; `ingested_ms`, when Kafka took it, is the time that it is."""
        now_ms = max(fact.ingested_ms, self._ticked_ms)
        if now_ms - self._swept_ms >= SWEEP_MS:
            self._swept_ms = self._ticked_ms = now_ms
            self._standing.note(self._engine.sweep(now_ms=now_ms))
        elif now_ms - self._ticked_ms >= TICK_MS:
            self._ticked_ms = now_ms
            self._standing.note(self._engine.advance(now_ms=now_ms))
        self._engine.observe(fact)
        self._standing.note(self._engine.settle())

    def end(self, *, now_ms: int) -> list[Alert]:
        """Return the alerts that stand at that time or went quiet before, in the order of time."""
        for engine in self._engines * _LOOKS:
            self._standing.note(engine.sweep(now_ms=now_ms))
        return sorted(self._standing.alerts.values(), key=_in_order)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One alert that only one of two sets has, or that both have in another way."""

    old: Alert | None
    new: Alert | None

    @property
    def kind(self) -> str:
        """`only old`, `only new` or `changed`."""
        if self.old is None:
            return "only new"
        return "only old" if self.new is None else "changed"

    @property
    def alert(self) -> Alert:
        """The new one, if there is one."""
        found = self.new or self.old
        assert found is not None  # noqa: S101 - for the type
        return found


def differences(old: Sequence[Alert], new: Sequence[Alert]) -> list[Difference]:
    """Return what differs: alerts of one rule about the same group at the same time are the same alert."""
    left = list(old)
    found = [difference for one in new if (difference := _against(one, left)) is not None]
    found += [Difference(old=one, new=None) for one in left]
    return sorted(found, key=lambda one: _in_order(one.alert))


def changes_of(old: Alert, new: Alert) -> Iterator[str]:
    """Yield what of two alerts differs, by the names that the contract has for it."""
    for name, before, after in (
        ("severity", old.severity, new.severity),
        ("value", old.value, new.value),
        ("threshold", old.threshold, new.threshold),
        ("first_seen", old.first_seen_ms, new.first_seen_ms),
        ("last_seen", old.last_seen_ms, new.last_seen_ms),
        ("related_events_count", old.related_events_count, new.related_events_count),
    ):
        if before != after:
            yield name


def _against(new: Alert, left: list[Alert]) -> Difference | None:
    """Take its counterpart out of what is left; return what differs."""
    same = next((one for one in left if _is_same(one, new)), None)
    if same is None:
        return Difference(old=None, new=new)
    left.remove(same)
    return Difference(old=same, new=new) if any(changes_of(same, new)) else None


def _is_same(one: Alert, other: Alert) -> bool:
    if (one.tenant, one.rule_id, one.group) != (other.tenant, other.rule_id, other.group):
        return False
    return one.first_seen_ms <= other.last_seen_ms and other.first_seen_ms <= one.last_seen_ms


def _in_order(one: Alert) -> tuple[int, str, str, list[tuple[str, str]]]:
    return one.first_seen_ms, one.tenant, one.rule_id, sorted(one.group.items())
