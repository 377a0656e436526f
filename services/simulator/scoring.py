"""How well a tenant was watched: after this, found, missed and raised for nothing are numbers with their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from services.simulator.sightings import Sighting
from services.simulator.truth import Attack, Expected, completed_at


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One alert that had to be raised, and the alerts that were."""

    attack: Attack
    expected: Expected
    alerts: tuple[Sighting, ...]
    """Every alert about it, those that were taken back again included, in order of arrival."""

    @property
    def is_found(self) -> bool:
        """Whether an alert about it stands."""
        return any(alert.stands for alert in self.alerts)

    def latency_ms(self, delivered: Mapping[str, float]) -> float | None:
        """Return the milliseconds from the delivery that completes the pattern to the first alert's arrival.

        None where it was not found. An arrival noticed before the acknowledgement of the delivery counts as 0.
        """
        completed = completed_at(self.expected, delivered=delivered)
        if not self.is_found or completed is None:
            return None
        return max(0.0, (min(alert.arrived for alert in self.alerts) - completed) * 1000)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """The counts of one detection."""

    expected: int
    found: int
    false_alerts: int

    @property
    def missed(self) -> int:
        """What had to be raised and was not."""
        return self.expected - self.found


@dataclass(frozen=True, kw_only=True)
class Score:
    """The whole comparison; an attack is found when every alert that it must raise stands."""

    findings: tuple[Finding, ...]
    false_alerts: tuple[Sighting, ...]
    """Alerts that stand and belong to no attack."""
    latencies_ms: tuple[float, ...]
    """Of every finding, ascending."""

    @property
    def found(self) -> int:
        """How many attacks were found."""
        return len({finding.attack.attack_id for finding in self.findings} - self._missed_attacks())

    @property
    def missed(self) -> int:
        """How many attacks were not found, or not with every alert that they must raise."""
        return len(self._missed_attacks())

    def _missed_attacks(self) -> set[str]:
        return {finding.attack.attack_id for finding in self.missed_alerts}

    @property
    def missed_alerts(self) -> tuple[Finding, ...]:
        """What had to be raised and was not."""
        return tuple(finding for finding in self.findings if not finding.is_found)

    @property
    def repeated(self) -> int:
        """How many standing alerts are about something that another one is about already."""
        return sum(max(0, sum(alert.stands for alert in finding.alerts) - 1) for finding in self.findings)

    def by_detection(self) -> dict[int, Tally]:
        """Return the counts of each detection that had to fire or did."""
        wanted = [finding.expected.number for finding in self.findings]
        wrong = [sighting.alert.rule.number for sighting in self.false_alerts]
        return {number: self._tally(number, wrong.count(number)) for number in sorted({*wanted, *wrong})}

    def _tally(self, number: int, false_alerts: int) -> Tally:
        of_it = [finding for finding in self.findings if finding.expected.number == number]
        found = sum(finding.is_found for finding in of_it)
        return Tally(expected=len(of_it), found=found, false_alerts=false_alerts)

    def percentile_ms(self, percent: int) -> float | None:
        """Return the latency that so many percent of the findings do not exceed (nearest rank); None without any."""
        if not self.latencies_ms:
            return None
        return self.latencies_ms[max(1, ceil(len(self.latencies_ms) * percent / 100)) - 1]


def score(attacks: Sequence[Attack], *, sightings: Iterable[Sighting], delivered: Mapping[str, float]) -> Score:
    """Compare the truth with the alerts.

    `delivered` gives when each event id was delivered, on the scale of `Sighting.arrived`, in seconds.
    """
    seen = tuple(sightings)
    findings = tuple(_finding(attack, expected, seen) for attack in attacks for expected in attack.expected)
    explained = {sighting.alert.alert_id for finding in findings for sighting in finding.alerts}
    latencies = (finding.latency_ms(delivered) for finding in findings)
    return Score(
        findings=findings,
        false_alerts=tuple(one for one in seen if one.stands and one.alert.alert_id not in explained),
        latencies_ms=tuple(sorted(latency for latency in latencies if latency is not None)),
    )


def _finding(attack: Attack, expected: Expected, seen: Iterable[Sighting]) -> Finding:
    alerts = sorted((one for one in seen if _is_about(one, attack, expected)), key=lambda one: one.arrived)
    return Finding(attack=attack, expected=expected, alerts=tuple(alerts))


def _is_about(sighting: Sighting, attack: Attack, expected: Expected) -> bool:
    """Same detection, same group in every field that both name, and a time that overlaps the attack's."""
    alert = sighting.alert
    shared = alert.group.keys() & expected.group.keys()
    same_group = bool(shared) and all(alert.group[field] == expected.group[field] for field in shared)
    overlaps = alert.first_seen <= attack.last and attack.first <= alert.last_seen
    return alert.rule.number == expected.number and same_group and overlaps
