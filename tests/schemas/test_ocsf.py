"""Alerts as OCSF findings: valid by the schema of OCSF 1.8 whatever an alert says, and saying what the alert says."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, get_args

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nuxari_events.alerts import AlertData, AlertRaised, AlertTriaged, ClosureReason, Entity, TriageState, Verdict
from nuxari_events.envelope import Event
from nuxari_events.ocsf import ROOM, Standing, Told, ocsf, reported
from nuxari_events.topics import SECURITY_ALERTS, SECURITY_FINDINGS
from nuxari_events.wire import decode, encode
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from tests.schemas.any_event import _model, events
from tests.schemas.golden import golden_event, golden_object

RAISED = "nuxari.security.alert_raised.v1"
UPDATED = "nuxari.security.alert_updated.v1"
CLOSED = "nuxari.security.alert_closed.v1"
TRIAGED = "nuxari.security.alert_triaged.v1"
DIGESTED = "nuxari.security.alert_digested.v1"
REPORTED = "nuxari.security.detection_finding_reported.v1"

STANDINGS = st.none() | st.builds(
    Standing, st.sampled_from(TriageState), st.none() | st.sampled_from(Verdict), st.none() | st.just("sam")
)
TOLD = events(SECURITY_ALERTS).filter(lambda event: isinstance(event, get_args(Told)))


@cache
def validator() -> jsonschema_rs.Draft202012Validator:
    """Of class 2004 with its objects, in which no unknown attribute is allowed, as OCSF 1.8.0 defines it."""
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0"))
    name = schema.lookup_class_name_from_uid(class_uid=2004)
    return jsonschema_rs.Draft202012Validator(schema.get_class_schema(class_name=name, profiles=["incident"]))


def an_alert(**changes: Any) -> AlertRaised:
    event = golden_event(RAISED)
    assert isinstance(event, AlertRaised)
    return event.model_copy(update={"data": event.data.model_copy(update=changes)})


def finding_of(name: str, **more: Any) -> dict[str, Any]:
    return ocsf(golden_event(name), **more)  # type: ignore[arg-type]


# --- the schema of OCSF


@pytest.mark.parametrize("name", [RAISED, UPDATED, CLOSED, TRIAGED, DIGESTED])
def test_every_golden_alert_is_a_valid_finding(name: str) -> None:
    validator().validate(finding_of(name, alert=an_alert().data if name == TRIAGED else None))


@given(TOLD, STANDINGS, _model(AlertData))
@settings(max_examples=150, deadline=None)
def test_any_alert_is_a_valid_finding(event: Any, standing: Standing | None, alert: AlertData) -> None:
    validator().validate(ocsf(event, alert=alert, standing=standing))


@given(TOLD, _model(AlertData))
@settings(max_examples=100, deadline=None)
def test_any_finding_is_read_from_its_topic_as_it_was_written(event: Any, alert: AlertData) -> None:
    said = reported(event, alert=alert)

    encoded = encode(said)

    assert decode(SECURITY_FINDINGS, value=encoded.value, headers=encoded.headers) == said


def test_an_address_that_is_none_does_not_make_a_finding_invalid() -> None:
    hosts = ("203.0.113.7", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0", "203.0.113.0/24", "nowhere", "1")
    entities = tuple(Entity(kind="ip", id=host) for host in hosts)

    found = ocsf(an_alert(entities=entities))

    validator().validate(found)
    assert [one["src_endpoint"]["ip"] for one in found["evidences"] if "src_endpoint" in one] == list(hosts[:4])
    assert [one["uid"] for one in found["resources"]] == list(hosts[4:])


# --- what it says


def test_the_golden_finding_is_the_golden_alert_in_other_words() -> None:
    said = reported(an_alert(), standing=Standing(TriageState.NEW))

    assert json.loads(said.model_dump_json(exclude_none=True)) == golden_object(REPORTED)


def test_a_finding_names_the_alert_the_rule_and_the_times_in_milliseconds() -> None:
    event = an_alert()

    found = ocsf(event)

    info, data = found["finding_info"], event.data
    assert (found["class_uid"], found["category_uid"], found["metadata"]["version"]) == (2004, 2, "1.8.0")
    assert (info["uid"], info["title"], info["desc"]) == (data.alert_id, data.title, data.summary)
    assert (info["analytic"]["uid"], info["analytic"]["type_id"]) == (data.rule.id, 1)
    assert info["analytic"]["version"] == data.rule.version
    assert info["first_seen_time"] == found["start_time"] == round(data.first_seen.timestamp() * 1000)
    assert found["metadata"]["tenant_uid"] == event.tenantid
    assert found["unmapped"]["threshold"] == data.threshold


@pytest.mark.parametrize(
    ("name", "activity", "type_uid"),
    [(RAISED, "Create", 200401), (UPDATED, "Update", 200402), (CLOSED, "Close", 200403)],
)
def test_what_happens_to_an_alert_is_an_activity(name: str, activity: str, type_uid: int) -> None:
    found = finding_of(name)

    assert (found["activity_name"], found["type_uid"], found["class_uid"] * 100 + found["activity_id"]) == (
        activity,
        type_uid,
        type_uid,
    )


@pytest.mark.parametrize(
    ("severity", "severity_id"), [("informational", 1), ("low", 2), ("medium", 3), ("high", 4), ("critical", 5)]
)
def test_a_severity_has_the_number_of_ocsf(severity: str, severity_id: int) -> None:
    event = decode(SECURITY_ALERTS, value=json.dumps(_with_data(RAISED, severity=severity)).encode())

    assert ocsf(event)["severity_id"] == severity_id  # type: ignore[arg-type]


def test_a_sub_technique_stands_beside_its_technique_and_tactics_have_their_ids() -> None:
    attacks = ocsf(an_alert())["finding_info"]["attacks"]

    assert attacks[0]["technique"]["uid"] == "T1548"
    assert attacks[0]["sub_technique"] == {"uid": "T1548.005", "name": "Temporary Elevated Cloud Access"}
    assert {"tactic": {"uid": "TA0004", "name": "Privilege Escalation"}} in attacks


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (TriageState.NEW, 1),
        (TriageState.ACKNOWLEDGED, 2),
        (TriageState.IN_PROGRESS, 2),
        (TriageState.SUPPRESSED, 3),
        (TriageState.RESOLVED, 4),
    ],
)
def test_how_people_stand_to_an_alert_is_its_status(state: TriageState, status: int) -> None:
    assert finding_of(UPDATED, standing=Standing(state))["status_id"] == status


def test_an_update_of_which_nobody_knows_how_people_stand_to_it_has_no_status() -> None:
    assert "status_id" not in finding_of(UPDATED)
    assert finding_of(RAISED)["status_id"] == 1


@pytest.mark.parametrize(
    ("reason", "status"), [(ClosureReason.QUIET, 2), (ClosureReason.SATISFIED, 6), (ClosureReason.SUPERSEDED, 6)]
)
def test_an_alert_that_was_taken_back_is_deleted_and_one_that_became_quiet_is_as_people_left_it(
    reason: ClosureReason, status: int
) -> None:
    event = golden_event(CLOSED)
    closed = event.model_copy(update={"data": event.data.model_copy(update={"reason": reason})})  # type: ignore[attr-defined]

    found = ocsf(closed, standing=Standing(TriageState.IN_PROGRESS))  # type: ignore[arg-type]

    assert (found["status_id"], found["status_code"], found["is_alert"]) == (status, reason.value, False)


@pytest.mark.parametrize(
    ("verdict", "number"), [(Verdict.FALSE_POSITIVE, 1), (Verdict.TRUE_POSITIVE, 2), (Verdict.BENIGN, 5)]
)
def test_a_verdict_closes_the_finding_with_its_number(verdict: Verdict, number: int) -> None:
    event = _triaged(state=TriageState.RESOLVED, verdict=verdict, assignee="sam")

    found = ocsf(event, alert=an_alert().data)

    assert (found["activity_name"], found["status_id"], found["verdict_id"]) == ("Close", 4, number)
    assert found["assignee"] == {"uid": "sam"}


def test_triage_without_its_alert_is_no_finding() -> None:
    with pytest.raises(ValueError, match="with the alert"):
        finding_of(TRIAGED)


def test_a_digest_is_one_finding_as_grave_as_its_gravest_alert() -> None:
    found = finding_of(DIGESTED)

    told = golden_object(DIGESTED)["data"]
    assert (found["count"], found["finding_info"]["uid"]) == (told["count"], told["digest_id"])
    assert found["severity"].lower() in told["severities"]


# --- how it travels


def test_a_finding_travels_as_a_plain_object_with_the_attributes_in_headers() -> None:
    said = reported(an_alert())

    encoded = encode(said)

    headers = dict(encoded.headers)
    assert json.loads(encoded.value) == ocsf(an_alert())
    assert (encoded.topic, encoded.key.decode()) == ("security.findings.ocsf", said.tenantid)
    assert (headers["content-type"], headers["ce_specversion"], headers["ce_type"]) == (
        b"application/json",
        b"1.0",
        REPORTED.encode(),
    )


def test_the_same_announcement_is_the_same_finding() -> None:
    assert reported(an_alert()).id == reported(an_alert()).id != reported(golden_event(UPDATED)).id  # type: ignore[arg-type]


@pytest.mark.parametrize(("letter", "keeps_evidence"), [("é", True), ("日", False)])
def test_a_finding_that_would_be_too_large_says_that_something_is_left_out(letter: str, keeps_evidence: Any) -> None:
    wide = dict.fromkeys(("topic", "role", "type", "rule"), letter * 256)
    one = an_alert().data.evidence[0].model_copy(update=wide)
    full = an_alert(evidence=(one,) * 64, related_events_count=64, context={"a": letter * 40_000})

    found = reported(full)

    assert len(found.data.model_dump_json().encode()) <= ROOM
    assert found.data.metadata.is_truncated
    assert not found.data.unmapped
    assert bool(found.data.evidences) == keeps_evidence
    validator().validate(ocsf(full))


def _with_data(name: str, **changes: Any) -> dict[str, Any]:
    whole = golden_object(name)
    return whole | {"data": whole["data"] | changes}


def _triaged(**changes: Any) -> AlertTriaged:
    event: Event = golden_event(TRIAGED)
    assert isinstance(event, AlertTriaged)
    return event.model_copy(update={"data": event.data.model_copy(update=changes)})
