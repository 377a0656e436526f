"""What the repository publishes of the contract is what the models say."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from nuxari_events.asyncapi import document
from nuxari_events.envelope import Event
from nuxari_events.generate import main
from nuxari_events.snapshots import snapshots
from nuxari_events.topics import BY_EVENT_TYPE, BY_NAME, TOPICS, Topic
from nuxari_events.wire import decode
from nuxari_events.yaml_text import as_yaml

from tests.schemas.any_event import topics_and_events
from tests.schemas.golden import SCHEMAS, SIGN_IN, golden_object, golden_text, written

SNAPSHOTS = {name: jsonschema_rs.Draft202012Validator(schema) for name, schema in snapshots().items()}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of `schemas/` that a test may spoil."""
    shutil.copytree(SCHEMAS, tmp_path / "schemas", ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    return tmp_path / "schemas"


def test_the_generated_files_are_up_to_date() -> None:
    assert main(["--check"]) == 0


@pytest.mark.parametrize("name", ["asyncapi.yaml", "nuxari_events/asyncapi.json", f"snapshots/{SIGN_IN}.json"])
def test_a_generated_file_that_differs_or_is_missing_is_named_and_mended(
    checkout: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    right = (checkout / name).read_text()
    for spoil in (lambda: (checkout / name).write_text(right + " "), (checkout / name).unlink):
        spoil()

        assert main(["--check", "--sources", str(checkout)]) == 1
        assert name in capsys.readouterr().err
        assert main(["--sources", str(checkout)]) == 0
        assert (checkout / name).read_text() == right


def test_a_snapshot_of_a_type_that_is_no_more_is_removed(checkout: Path) -> None:
    stray = checkout / "snapshots" / "nuxari.access.gone.v1.json"
    stray.write_text("{}")

    assert main(["--check", "--sources", str(checkout)]) == 1
    assert main(["--sources", str(checkout)]) == 0
    assert not stray.exists()


@pytest.mark.parametrize("spoilt", [b"", b"{}", golden_text("nuxari.security.alert_closed.v1"), None])
def test_a_type_without_a_right_example_is_named(
    checkout: Path, spoilt: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    example = checkout / "examples" / f"{SIGN_IN}.json"
    example.unlink() if spoilt is None else example.write_bytes(spoilt)

    assert main(["--check", "--sources", str(checkout)]) == 1
    assert SIGN_IN in capsys.readouterr().err


# --- examples and snapshots


@pytest.mark.parametrize("event_type", sorted(BY_EVENT_TYPE))
def test_every_event_type_has_a_golden_instance_that_is_written_as_it_is_read(event_type: str) -> None:
    event = decode(BY_EVENT_TYPE[event_type], value=golden_text(event_type))

    assert event.type == event_type
    assert json.loads(written(event)) == golden_object(event_type)


@pytest.mark.parametrize("event_type", sorted(BY_EVENT_TYPE))
def test_every_golden_instance_is_valid_by_its_snapshot(event_type: str) -> None:
    SNAPSHOTS[event_type].validate(golden_object(event_type))


def test_the_golden_instances_tell_one_story_of_one_tenant() -> None:
    assert len({golden_object(name)["tenantid"] for name in BY_EVENT_TYPE}) == 1
    identities = {(golden_object(name)["source"], golden_object(name)["id"]) for name in BY_EVENT_TYPE}
    assert len(identities) == len(BY_EVENT_TYPE)


@given(topics_and_events())
@settings(max_examples=200, deadline=None)
def test_every_event_is_valid_by_its_snapshot(drawn: tuple[Topic, Event]) -> None:
    _, event = drawn

    SNAPSHOTS[event.type].validate(json.loads(written(event)))


@pytest.mark.parametrize("absent", ["specversion", "id", "source", "type", "time", "subject", "tenantid", "data"])
def test_a_snapshot_requires_what_a_reader_requires(absent: str) -> None:
    event = golden_object(SIGN_IN)
    del event[absent]

    with pytest.raises(jsonschema_rs.ValidationError, match=absent):
        SNAPSHOTS[SIGN_IN].validate(event)


# --- the registry


def test_every_event_type_is_named_by_the_rule_and_belongs_to_one_topic() -> None:
    names = [name for topic in TOPICS for name in topic.event_types]

    assert len(names) == len(set(names)) == len(BY_EVENT_TYPE)
    assert all(re.fullmatch(r"nuxari\.[a-z]+\.[a-z_]+\.v[1-9][0-9]*", name) for name in names)


# --- AsyncAPI


def test_the_yaml_and_the_packaged_document_are_the_same() -> None:
    assert yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text()) == document()


def test_every_topic_is_a_channel_with_its_kafka_settings() -> None:
    channels = {channel["address"]: channel for channel in document()["channels"].values()}

    assert channels.keys() == BY_NAME.keys()
    for name, channel in channels.items():
        binding, topic = channel["bindings"]["kafka"], BY_NAME[name]
        assert (binding["topic"], binding["partitions"]) == (name, topic.partitions)
        assert binding["topicConfiguration"]["cleanup.policy"] == [topic.cleanup]
        assert len(channel["messages"]) == len(topic.event_types)


def test_every_message_carries_its_golden_instance_and_a_schema() -> None:
    found = {message["name"]: message for message in document()["components"]["messages"].values()}

    assert found.keys() == BY_EVENT_TYPE.keys()
    for name, message in found.items():
        payload, whole = message["examples"][0]["payload"], golden_object(name)
        assert payload == (whole["data"] if BY_EVENT_TYPE[name].content_mode == "binary" else whole)


def test_every_reference_leads_somewhere() -> None:
    whole = document()

    for reference in _references(whole):
        found: Any = whole
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert isinstance(found, dict)


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for item in value.values() for found in _references(item)]
    return [found for item in value for found in _references(item)] if isinstance(value, list) else []


@pytest.mark.parametrize("service", ["identity", "pim", "credential_governance", "monitoring"])
def test_a_service_s_document_holds_the_topics_it_writes_and_reads(service: str) -> None:
    described = document(service)

    named = {topic.name for topic in TOPICS if service in {*topic.producers, *topic.consumers}}
    sent = {topic.name for topic in TOPICS if service in topic.producers}
    channels = {name: channel["address"] for name, channel in described["channels"].items()}
    operations = described["operations"].values()
    assert set(channels.values()) == named
    assert {
        channels[one["channel"]["$ref"].rpartition("/")[2]] for one in operations if one["action"] == "send"
    } == sent
    assert _references(described)


def test_a_service_that_nobody_knows_has_no_document() -> None:
    with pytest.raises(ValueError, match="nonesuch"):
        document("nonesuch")


def test_a_document_that_was_changed_is_not_what_the_next_caller_gets() -> None:
    document()["channels"].clear()

    assert document()["channels"]


# --- YAML

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6)
    | st.text()
    | st.sampled_from(
        ["yes", "Null", "~", "1_000", "0x1f", "1e3", ".5", "-", "a: b", "# no", "2026-03-02", "12:30:00", "=", "<<"]
    )
)


@given(
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=80), inner, max_size=4),
        max_leaves=20,
    )
)
@settings(max_examples=200, deadline=None)
def test_yaml_text_reads_back_as_the_value(value: Any) -> None:
    assert yaml.safe_load(as_yaml(value)) == value
