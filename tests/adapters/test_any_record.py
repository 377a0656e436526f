"""Whatever a JSON object holds, an adapter reads it or says why not."""

from __future__ import annotations

import copy
import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nuxari_events.adapters import ADAPTERS, Conversion, Unread

from tests.adapters import (
    test_cloudevents,
    test_cloudtrail,
    test_entra_audit,
    test_entra_sign_in,
    test_keycloak,
    test_okta,
)
from tests.adapters.accounting import check_that_it_reads_back, leaves, shown

KNOWN: dict[str, list[dict[str, Any]]] = {
    "cloudevents": list(test_cloudevents.RECORDS.values()),
    "cloudtrail": [record for _, record in test_cloudtrail.REAL],
    "entra": [*test_entra_sign_in.RECORDS.values(), *test_entra_audit.RECORDS.values()],
    "keycloak": list(test_keycloak.RECORDS.values()),
    "okta": list(test_okta.RECORDS.values()),
}

texts = st.text(max_size=12) | st.sampled_from(
    ["\ud800", "a\nb", "x" * 3000, "2025-06-03T09:00:00Z", "{", "[[[", "unknown"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
anything = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=8), anything, max_size=4)
tenants = st.none() | st.just("acme")


@st.composite
def spoiled(draw: st.DrawFn, records: list[dict[str, Any]]) -> dict[str, Any]:
    """A known record, with some of its values replaced by anything or taken away."""
    record = copy.deepcopy(draw(st.sampled_from(records)))
    for _ in range(draw(st.integers(1, 4))):
        *above, last = draw(st.sampled_from(list(places(record))))
        within: Any = record
        for key in above:
            within = within[key]
        if isinstance(within, dict) and draw(st.booleans()):
            del within[last]
        else:
            within[last] = draw(anything)
    return record if list(places(record)) else {"nothing": "left"}


def places(value: Any, place: tuple[Any, ...] = ()) -> Any:
    if place:
        yield place
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in below:
        yield from places(one, (*place, key))


@pytest.mark.parametrize("name", ADAPTERS)
@settings(max_examples=200)
@given(st.data())
def test_no_record_breaks_an_adapter_and_what_it_gives_is_of_the_contract(name: str, data: st.DataObject) -> None:
    record = data.draw(objects | spoiled(KNOWN[name]))
    tenant = data.draw(tenants)

    result = ADAPTERS[name].convert(record, tenant_id=tenant)

    assert isinstance(result, Conversion | Unread)
    if isinstance(result, Conversion):
        assert result.events
        check_that_it_reads_back(result)
        assert set(result.dropped) <= {shown(place) for place in leaves(record)}
        assert ADAPTERS[name].convert(record, tenant_id=tenant) == result
        json.dumps(result.remarks)


@pytest.mark.parametrize("name", ADAPTERS)
@given(st.data())
def test_any_record_has_a_time_to_sort_by_or_none(name: str, data: st.DataObject) -> None:
    moment = ADAPTERS[name].moment(data.draw(objects | spoiled(KNOWN[name])))

    assert moment is None or moment.tzinfo is UTC


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_time_to_sort_by_is_the_time_of_the_events(name: str) -> None:
    for record in KNOWN[name]:
        result = ADAPTERS[name].convert(record, tenant_id="acme")

        assert isinstance(result, Conversion)
        assert result.events[0].time == ADAPTERS[name].moment(record)


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_record_nested_deeper_than_python_recurses_is_read_or_refused(name: str) -> None:
    deep: Any = "bottom"
    for _ in range(100_000):
        deep = [deep]

    result = ADAPTERS[name].convert(KNOWN[name][0] | {"extra": deep}, tenant_id="acme")

    assert isinstance(result, Conversion | Unread)
