"""People who decide for each other, against brute force, and as rule files say it."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain.extensions import Ring
from services.monitoring.domain.windows import holds
from tests.sigma.correlated import at, of, rules
from tests.sigma.extended import Seen, correlation, occurrences, window
from tests.sigma.running import findings

PEOPLE = ("u", "v", "w", "x")
EXTRA = st.tuples(*[st.sampled_from([*PEOPLE, None])] * 2)


def naive(extension: Ring, events: list[Seen]) -> set[tuple[str, str, float]]:
    found = set()
    for one in events:
        if None in one.extra:
            continue
        given = [other.extra for other in window(events, one.time_ms) if None not in other.extra]
        giver, taker = one.extra
        if giver == taker:
            found.add((one.id, giver, 1))
            continue
        for size in range(2, extension.longest + 1):
            for people in permutations(PEOPLE, size):
                edges = list(zip(people, (*people[1:], people[0]), strict=True))
                if one.extra in edges and all(given.count(edge) >= extension.least for edge in edges):
                    found.add((one.id, " → ".join(sorted(people)), size))
        received = [edge for edge in given if edge[1] == taker]
        share = given.count(one.extra) / len(received)
        if extension.share is not None and share > extension.share and len(received) >= extension.of_least:
            found.add((one.id, f"{giver} → {taker}", round(share, 4)))
    return found


@settings(max_examples=300)
@given(
    occurrences(extra=EXTRA, most=20),
    st.integers(2, 4),
    st.integers(1, 2),
    st.sampled_from([None, 0.5, 0.8]),
    st.integers(1, 3),
)
def test_it_holds_at_each_decision_that_completes_a_ring(events, longest, least, share, of_least):
    extension = Ring(giver="from", taker="to", longest=longest, least=least, share=share, of_least=of_least)
    found = [(events[hold.at].id, hold.about, hold.value) for hold in holds(correlation(extension), events)]

    assert set(found) == naive(extension, events)
    assert len(found) == len(set(found))


RULE = "{type: event_count, rules: [a], group-by: [tenant], timespan: 30d, condition: {gte: 1}}"
RING = "nuxari: {ring: {from: by, to: user, least: 1}}\n"


def test_rings_of_different_people_are_different_findings():
    events = [
        at(0, user="ada", by="bob", tenant="t"),
        at(1, user="cem", by="dan", tenant="t"),
        at(2, user="bob", by="ada", tenant="t"),
        at(3, user="dan", by="cem", tenant="t"),
        at(4, user="eve", by="eve", tenant="t"),
    ]
    found = of(findings(rules(RULE, more=RING), events))

    assert [(dict(one.group), one.value, [event.place for event in one.evidence]) for one in found] == [
        ({"tenant": "t", "about": "ada → bob"}, 2, [1, 3]),
        ({"tenant": "t", "about": "cem → dan"}, 2, [2, 4]),
        ({"tenant": "t", "about": "eve"}, 1, [5]),
    ]


def test_a_decision_that_left_the_window_holds_no_ring_together():
    month = 30 * 86_400
    events = [at(0, user="ada", by="bob", tenant="t"), at(month, user="bob", by="ada", tenant="t")]

    assert of(findings(rules(RULE, more=RING), events)) == []
