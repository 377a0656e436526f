"""CloudEvents of any producer become `access.activity`."""

from __future__ import annotations

from typing import Any

import pytest
from nuxari_events.access import ActionPerformed, SignInCompleted
from nuxari_events.adapters import Unread, cloudevents

from tests.adapters.accounting import (
    check_that_it_reads_back,
    check_that_nothing_is_lost_unnamed,
    converted,
    only_event,
)


def an_event(**changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/my/app",
        "type": "nuxari.access.sign_in_completed.v1",
        "time": "2025-06-03T11:00:00+02:00",
        "subject": "ada",
        "tenantid": "acme",
        "data": {"user_id": "ada", "outcome": "failure"},
    } | changes


def a_foreign_event(**changes: Any) -> dict[str, Any]:
    return an_event(type="com.example.repository.deleted", subject="repo/7", authtype="user", authid="ada") | changes


RECORDS = {
    "of the contract": an_event(),
    "with more than the contract": an_event(comexampleextra="x", data={"user_id": "ada", "outcome": "failure", "x": 1}),
    "foreign": a_foreign_event(),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_every_field_comes_along_or_is_named_and_the_events_are_of_the_contract(record: dict[str, Any]) -> None:
    check_that_nothing_is_lost_unnamed(cloudevents, record)
    check_that_it_reads_back(converted(cloudevents, record))


def test_an_event_of_the_contract_stays_as_it_is() -> None:
    event = only_event(cloudevents, an_event())

    assert isinstance(event, SignInCompleted)
    assert (event.identity, event.tenantid) == (("/my/app", "e-1"), "acme")


def test_fields_outside_the_contract_are_named_as_dropped() -> None:
    assert converted(cloudevents, RECORDS["with more than the contract"]).dropped == ("comexampleextra", "data.x")


def test_a_given_tenant_is_the_tenant_of_either() -> None:
    assert only_event(cloudevents, an_event(), tenant_id="other").tenantid == "other"
    assert only_event(cloudevents, a_foreign_event(), tenant_id="other").tenantid == "other"


def test_another_event_that_names_who_did_it_is_an_action_of_its_type() -> None:
    event = only_event(cloudevents, a_foreign_event())

    assert isinstance(event, ActionPerformed)
    assert (event.data.user_id, event.data.action) == ("ada", "com.example.repository.deleted")
    assert event.data.resource == "repo/7"
    assert event.source == "/my/app"
    assert event.id == only_event(cloudevents, a_foreign_event(data={"other": 1})).id


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"hello": "world"}, "unknown-shape"),
        (an_event(type=None), "missing-field"),
        (an_event(type="nuxari.identity.user_activated.v1"), "unknown-type"),
        (an_event(data={"user_id": "ada"}), "invalid-event"),
        (an_event(tenantid=None), "invalid-event"),
        (an_event(id=None), "invalid-event"),
        (an_event(data={"user_id": "ada", "outcome": "failure", "user_agent": "x" * 300_000}), "too-large"),
        (a_foreign_event(authid=None), "no-principal"),
        (a_foreign_event(time="yesterday"), "bad-time"),
        (a_foreign_event(tenantid="Not One"), "no-tenant"),
        (a_foreign_event(source=""), "missing-field"),
        (a_foreign_event(id=""), "missing-field"),
    ],
)
def test_a_record_of_another_shape_is_unread_with_a_reason(record: dict[str, Any], code: str) -> None:
    result = cloudevents.convert(record)

    assert isinstance(result, Unread)
    assert result.code == code
