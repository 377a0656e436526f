"""The comparison of truth and alerts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from nuxari_events.alerts import (
    AlertClosed,
    AlertClosureData,
    AlertData,
    AlertRaised,
    AlertUpdated,
    ClosureReason,
    RuleReference,
    Severity,
    Window,
)
from nuxari_events.envelope import Event

from services.simulator.scenario import Scenario
from services.simulator.scoring import score
from services.simulator.sightings import AlertBook, Sighting
from services.simulator.simulation import simulation
from services.simulator.truth import Attack, Expected, completed_at, truth_lines

UNTIL = datetime(2025, 6, 3, 15, tzinfo=UTC)
SIMULATED = simulation(Scenario(tenant_id="sim-1-test", seed=7, until=UNTIL, users=100, attacks=35))
DELIVERED = {event.id: float(number) for number, event in enumerate(SIMULATED.events())}


def an_alert(attack: Attack, expected: Expected, *, alert_id: str | None = None) -> AlertData:
    return AlertData(
        alert_id=alert_id or f"{attack.attack_id}-{expected.number}",
        rule=RuleReference(id="rule", number=expected.number, title="title", version="abc"),
        severity=Severity.HIGH,
        title="title",
        summary="summary",
        group={"user_id": expected.group["user_id"]},
        window=Window(after=attack.first, until=attack.last),
        value=expected.threshold,
        threshold=expected.threshold,
        first_seen=expected.counted[0].time,
        last_seen=expected.counted[-1].time,
        related_events_count=len(expected.counted),
        evidence=(),
    )


def announced(alert: AlertData, *, as_: type[Event] = AlertRaised) -> Event:
    return as_(source="/nuxari/monitoring", time=UNTIL, subject=alert.alert_id, tenantid="sim-1-test", data=alert)


def closed(alert: AlertData, reason: ClosureReason) -> Event:
    data = AlertClosureData(**{**dict(alert), "reason": reason, "revision": alert.revision + 1})
    return announced(data, as_=AlertClosed)


def perfect() -> list[Sighting]:
    return [
        Sighting(alert=an_alert(attack, one), arrived=(completed_at(one, delivered=DELIVERED) or 0) + 0.25)
        for attack in SIMULATED.attacks
        for one in attack.expected
    ]


everything = st.permutations(perfect())


@given(everything)
def test_a_perfect_set_of_alerts_has_no_misses_and_no_false_alerts(sightings: list[Sighting]) -> None:
    result = score(SIMULATED.attacks, sightings=sightings, delivered=DELIVERED)

    assert (result.found, result.missed, len(result.false_alerts), result.repeated) == (35, 0, 0, 0)
    assert result.percentile_ms(50) == result.percentile_ms(99) == 250


@given(everything, st.data())
def test_every_alert_left_out_is_a_miss_and_nothing_else(sightings: list[Sighting], data: st.DataObject) -> None:
    kept = sightings[: data.draw(st.integers(0, len(sightings)))]

    result = score(SIMULATED.attacks, sightings=kept, delivered=DELIVERED)

    assert len(result.missed_alerts) == len(sightings) - len(kept)
    assert result.found + result.missed == len(SIMULATED.attacks)
    assert sum(tally.missed for tally in result.by_detection().values()) == len(result.missed_alerts)
    assert not result.false_alerts


def test_an_attack_of_two_alerts_is_found_only_with_both() -> None:
    success = next(attack for attack in SIMULATED.attacks if attack.kind == "brute_force_success")
    only_first = [Sighting(alert=an_alert(success, success.expected[0]), arrived=0)]

    result = score([success], sightings=only_first, delivered=DELIVERED)

    assert (result.found, result.missed) == (0, 1)
    assert [finding.expected.number for finding in result.missed_alerts] == [2]


def test_an_alert_about_somebody_else_another_detection_or_another_time_is_false() -> None:
    attack = SIMULATED.attacks[0]
    right = an_alert(attack, attack.expected[0])
    wrong = [
        right.model_copy(update={"alert_id": "other-user", "group": {"user_id": "somebody"}}),
        right.model_copy(update={"alert_id": "no-group", "group": {}}),
        right.model_copy(update={"alert_id": "other-rule", "rule": right.rule.model_copy(update={"number": 99})}),
        right.model_copy(
            update={
                "alert_id": "other-time",
                "first_seen": attack.last + timedelta(hours=1),
                "last_seen": attack.last + timedelta(hours=1),
            }
        ),
    ]

    result = score([attack], sightings=[Sighting(alert=one, arrived=0) for one in wrong], delivered=DELIVERED)

    assert {one.alert.alert_id for one in result.false_alerts} == {one.alert_id for one in wrong}
    assert (result.found, result.missed) == (0, 1)
    assert {number: tally.false_alerts for number, tally in result.by_detection().items()} == {1: 3, 99: 1}


def test_a_role_must_agree_where_the_alert_names_one() -> None:
    attack = next(attack for attack in SIMULATED.attacks if attack.kind == "action_outside_activation")
    alert = an_alert(attack, attack.expected[0])
    other = alert.model_copy(update={"group": {**alert.group, "role": "client_owner"}})

    result = score([attack], sightings=[Sighting(alert=other, arrived=0)], delivered=DELIVERED)

    assert (result.found, len(result.false_alerts)) == (0, 1)


def test_an_alert_that_was_taken_back_is_neither_found_nor_false() -> None:
    attack = SIMULATED.attacks[0]
    book = AlertBook()
    about_it = an_alert(attack, attack.expected[0])
    about_nothing = about_it.model_copy(update={"alert_id": "nothing", "group": {"user_id": "nobody"}})
    for alert, reason in ((about_it, ClosureReason.SUPERSEDED), (about_nothing, ClosureReason.SATISFIED)):
        book.note(announced(alert), arrived=1)
        book.note(closed(alert, reason), arrived=2)

    result = score([attack], sightings=book.sightings, delivered=DELIVERED)

    assert (result.found, result.missed, len(result.false_alerts)) == (0, 1, 0)


def test_an_alert_that_became_quiet_stays_found() -> None:
    attack = SIMULATED.attacks[0]
    book = AlertBook()
    alert = an_alert(attack, attack.expected[0])
    book.note(announced(alert), arrived=1)
    book.note(closed(alert, ClosureReason.QUIET), arrived=2)

    assert score([attack], sightings=book.sightings, delivered=DELIVERED).found == 1


def test_an_alert_that_was_superseded_counts_for_the_latency_of_the_one_that_stands() -> None:
    attack = SIMULATED.attacks[0]
    completed = completed_at(attack.expected[0], delivered=DELIVERED) or 0
    first = Sighting(alert=an_alert(attack, attack.expected[0]), arrived=completed + 0.1, stands=False)
    later = replace(first, alert=an_alert(attack, attack.expected[0], alert_id="later"), arrived=9e9, stands=True)

    result = score([attack], sightings=[later, first], delivered=DELIVERED)

    assert (result.found, result.repeated) == (1, 0)
    assert round(result.percentile_ms(50) or 0) == 100


def test_further_alerts_about_one_attack_are_repeats_and_not_false() -> None:
    attack = SIMULATED.attacks[0]
    alerts = [an_alert(attack, attack.expected[0], alert_id=name) for name in ("one", "two", "three")]

    result = score([attack], sightings=[Sighting(alert=one, arrived=0) for one in alerts], delivered=DELIVERED)

    assert (result.found, result.repeated, len(result.false_alerts)) == (1, 2, 0)


def test_a_re_sent_announcement_and_an_older_revision_change_nothing() -> None:
    book = AlertBook()
    alert = an_alert(SIMULATED.attacks[0], SIMULATED.attacks[0].expected[0])
    newer = alert.model_copy(update={"revision": 2, "value": 20.0})

    for event in (announced(alert), announced(newer, as_=AlertUpdated), announced(alert)):
        book.note(event, arrived=float(len(book.sightings)))

    assert book.sightings == (Sighting(alert=newer, arrived=0.0),)


def test_no_alerts_have_no_latency() -> None:
    result = score(SIMULATED.attacks, sightings=[], delivered=DELIVERED)

    assert (result.percentile_ms(50), result.found, result.missed) == (None, 0, 35)


@given(st.permutations(range(12)))
def test_a_pattern_is_complete_when_the_last_event_it_needs_is_delivered(order: list[int]) -> None:
    attack = next(a for a in SIMULATED.attacks if (a.kind, a.variant) == ("brute_force_success", "edge"))
    broken_in = attack.expected[1]
    delivered = {event.id: float(place) for event, place in zip(attack.events, order[1:], strict=True)}

    assert len(attack.events) == 11
    assert completed_at(broken_in, delivered=delivered) == max(delivered.values())
    for event in attack.events:
        without = {id_: at for id_, at in delivered.items() if id_ != event.id}
        assert completed_at(broken_in, delivered=without) is None


def test_a_pattern_with_more_events_than_it_needs_is_complete_at_the_threshold() -> None:
    attack = next(a for a in SIMULATED.attacks if (a.kind, a.variant) == ("brute_force", "burst"))
    delivered = {event.id: float(place) for place, event in enumerate(attack.events)}

    assert len(attack.events) > 10
    assert completed_at(attack.expected[0], delivered=delivered) == 9.0


def test_the_truth_names_the_detections_and_the_first_and_last_event_of_each_attack() -> None:
    lines = list(truth_lines(SIMULATED.attacks))

    assert len(lines) == 35
    assert all(line.endswith("}\n") and '"first_event_id"' in line and '"detections"' in line for line in lines)
