"""A change of the contract that a reader would stumble over is found and named."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nuxari_events.compatibility import breaking_changes, main
from nuxari_events.snapshots import as_text, read_snapshots, snapshots

from tests.schemas.golden import ALERT, SCHEMAS, SIGN_IN

Schema = dict[str, Any]
Change = Callable[[Schema], None]


CONTRACT = snapshots()


def the_contract() -> dict[str, Schema]:
    return deepcopy(CONTRACT)


def data_of(schema: Schema) -> Schema:
    """The schema of an event's data."""
    name = schema["properties"]["data"]["$ref"].rpartition("/")[2]
    found: Schema = schema["$defs"][name]
    return found


def field(schema: Schema, name: str) -> Schema:
    found: Schema = data_of(schema)["properties"][name]
    return found


def lines(change: Change, *, event_type: str = SIGN_IN) -> list[str]:
    """What is said of the contract with one event type changed."""
    changed = the_contract()
    change(changed[event_type])
    return [str(one) for one in breaking_changes(CONTRACT, changed)]


def test_the_committed_snapshots_are_not_broken_by_the_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--against", "HEAD"]) == 0, capsys.readouterr().out


def test_the_published_snapshots_are_not_broken_by_the_models() -> None:
    assert breaking_changes(read_snapshots(SCHEMAS / "snapshots"), snapshots()) == []


# --- what breaks


def _drop_field(schema: Schema) -> None:
    del data_of(schema)["properties"]["application"]


def _drop_required_field(schema: Schema) -> None:
    del data_of(schema)["properties"]["user_id"]
    data_of(schema)["required"].remove("user_id")


def _retype(schema: Schema) -> None:
    field(schema, "administrative")["type"] = "string"


def _retype_optional(schema: Schema) -> None:
    field(schema, "asn")["anyOf"][0] = {"type": "string"}


def _forbid_null(schema: Schema) -> None:
    field(schema, "asn")["anyOf"].pop()


def _require(schema: Schema) -> None:
    data_of(schema)["required"].append("country")


def _add_required(schema: Schema) -> None:
    data_of(schema)["properties"]["risk"] = {"type": "integer"}
    data_of(schema)["required"].append("risk")


def _relax(schema: Schema) -> None:
    data_of(schema)["required"].remove("user_id")


def _narrow_enum(schema: Schema) -> None:
    schema["$defs"]["SignInFlow"]["enum"].remove("ropc")


def _widen_enum(schema: Schema) -> None:
    schema["$defs"]["SignInFlow"]["enum"].append("passkey")


def _change_pattern(schema: Schema) -> None:
    schema["properties"]["tenantid"]["pattern"] = "^[a-z]+$"


def _add_pattern(schema: Schema) -> None:
    schema["properties"]["type"]["pattern"] = "^n"


def _shorten(schema: Schema) -> None:
    schema["properties"]["subject"]["maxLength"] = 64


def _lengthen(schema: Schema) -> None:
    schema["properties"]["subject"]["maxLength"] = 1024


def _raise_minimum(schema: Schema) -> None:
    field(schema, "asn")["anyOf"][0]["minimum"] = 1


def _drop_maximum(schema: Schema) -> None:
    del field(schema, "asn")["anyOf"][0]["maximum"]


def _change_const(schema: Schema) -> None:
    schema["properties"]["specversion"]["const"] = "2.0"


def _change_default(schema: Schema) -> None:
    field(schema, "administrative")["default"] = True


def _drop_default(schema: Schema) -> None:
    del field(schema, "flow")["default"]


def _change_format(schema: Schema) -> None:
    schema["properties"]["time"]["format"] = "date"


def _close(schema: Schema) -> None:
    data_of(schema)["additionalProperties"] = False


def _move(schema: Schema) -> None:
    schema["x-nuxari-topic"] = "access.sign_ins"


def _rekey(schema: Schema) -> None:
    schema["x-nuxari-key"] = "user id"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_drop_field, "data.application: removed field"),
        (_drop_required_field, "data.user_id: removed field"),
        (_retype, "data.administrative: changed type: boolean became string"),
        (_retype_optional, "data.asn: changed type: integer or null became null or string"),
        (_forbid_null, "data.asn: changed type: integer or null became integer"),
        (_require, "data.country: newly required field: a new reader refuses old events"),
        (_add_required, "data.risk: newly required field: a new reader refuses old events"),
        (_relax, "data.user_id: no longer required: an old reader refuses new events"),
        (_narrow_enum, "data.flow: enum value removed: 'ropc': a new reader refuses old events"),
        (_widen_enum, "data.flow: enum value added: 'passkey': an old reader refuses new events"),
        (_change_pattern, "tenantid: changed pattern"),
        (_add_pattern, "type: added pattern"),
        (_shorten, "subject: narrowed maxLength: 256 became 64: a new reader refuses old events"),
        (_lengthen, "subject: widened maxLength: 256 became 1024: an old reader refuses new events"),
        (_raise_minimum, "data.asn: narrowed minimum: 0 became 1"),
        (_drop_maximum, "data.asn: widened maximum: 4294967295 became nothing"),
        (_change_const, "specversion: changed const: '1.0' became '2.0'"),
        (_change_default, "data.administrative: changed default: False became True"),
        (_drop_default, "data.flow: removed default: 'interactive' became nothing"),
        (_change_format, "time: changed format"),
        (_close, "data: added additionalProperties"),
        (_move, "changed topic: 'access.activity' became 'access.sign_ins'"),
        (_rekey, "changed key: 'tenant id' became 'user id'"),
    ],
)
def test_a_breaking_change_is_named_once_with_its_place(change: Change, said: str) -> None:
    (line,) = lines(change)

    assert line.startswith(f"{SIGN_IN}: {said}")


def test_a_removed_event_type_is_named() -> None:
    changed = the_contract()
    del changed[SIGN_IN]

    (found,) = breaking_changes(the_contract(), changed)

    assert str(found).startswith(f"{SIGN_IN}: removed event type")


def test_a_changed_discriminator_is_named() -> None:
    def union(tag: str) -> dict[str, Schema]:
        return {"t": {"properties": {"x": {"oneOf": [{"type": "object"}], "discriminator": {"propertyName": tag}}}}}

    (found,) = breaking_changes(union("type"), union("kind"))

    assert (found.place, found.kind) == ("x", "changed discriminator")


def test_changes_inside_lists_and_maps_are_found() -> None:
    def change(schema: Schema) -> None:
        evidence = schema["$defs"]["Evidence"]
        evidence["required"].remove("offset")
        field(schema, "evidence")["maxItems"] = 8
        field(schema, "group")["propertyNames"]["maxLength"] = 16

    found = lines(change, event_type=ALERT)

    assert [line.partition(": ")[2].rpartition(": ")[0] for line in found] == [
        "data.evidence: narrowed maxItems: 64 became 8",
        "data.evidence[].offset: no longer required",
        "data.group[]: narrowed maxLength: 256 became 16",
    ]


def test_a_model_that_holds_itself_is_compared() -> None:
    def tree(kind: str) -> dict[str, Schema]:
        node = {"properties": {"child": {"$ref": "#/$defs/Node"}, "name": {"type": kind}}}
        return {"t": {"$ref": "#/$defs/Node", "$defs": {"Node": node}}}

    assert breaking_changes(tree("string"), tree("string")) == []
    assert [one.place for one in breaking_changes(tree("string"), tree("integer"))] == ["name"]


# --- what does not


def test_a_new_event_type_breaks_nothing() -> None:
    earlier = the_contract()
    del earlier[ALERT]

    assert breaking_changes(earlier, the_contract()) == []


def _add_optional(schema: Schema) -> None:
    data_of(schema)["properties"]["risk"] = {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}


def _reword(schema: Schema) -> None:
    schema["description"] = "Another text."
    field(schema, "mfa")["description"] = "Another text."


def _rename_model(schema: Schema) -> None:
    schema["$defs"]["Renamed"] = schema["$defs"].pop("SignInFlow")
    field(schema, "flow")["$ref"] = "#/$defs/Renamed"


def _reorder(schema: Schema) -> None:
    field(schema, "asn")["anyOf"].reverse()
    schema["$defs"]["SignInFlow"]["enum"].reverse()
    schema["required"].reverse()


@pytest.mark.parametrize("change", [_add_optional, _reword, _rename_model, _reorder])
def test_an_additive_change_breaks_nothing(change: Change) -> None:
    assert lines(change) == []


ADDITIONS = st.dictionaries(
    st.from_regex(r"x_[a-z]{1,8}", fullmatch=True),
    st.sampled_from(
        [
            {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            {"type": "boolean", "default": False},
            {"type": "array", "items": {"type": "string"}, "default": []},
        ]
    ),
)


@given(st.sampled_from(sorted(CONTRACT)), ADDITIONS)
@settings(max_examples=50, deadline=None)
def test_any_optional_fields_may_be_added_to_any_event_type(event_type: str, fields: Schema) -> None:
    def change(schema: Schema) -> None:
        schema["properties"] |= fields
        data_of(schema)["properties"] |= fields

    assert lines(change, event_type=event_type) == []


@given(st.sampled_from(sorted(CONTRACT)), st.data())
@settings(max_examples=50, deadline=None)
def test_any_field_that_goes_away_is_named(event_type: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(data_of(CONTRACT[event_type])["properties"])))

    def change(schema: Schema) -> None:
        del data_of(schema)["properties"][name]

    assert any(f"data.{name}: removed field" in line for line in lines(change, event_type=event_type))


# --- the command


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository whose only commit has a sign-in with a field that is gone since."""
    earlier = the_contract()[SIGN_IN]
    data_of(earlier)["properties"]["gone"] = {"type": "string"}
    sources = tmp_path / "schemas"
    (sources / "snapshots").mkdir(parents=True)
    (sources / "snapshots" / f"{SIGN_IN}.json").write_text(as_text(earlier))
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "earlier"]):
        git(tmp_path, *arguments)
    return sources


def git(directory: Path, *arguments: str) -> str:
    settings = ["user.name=t", "user.email=t@t.example", "commit.gpgsign=false"]
    flags = [flag for setting in settings for flag in ("-c", setting)]
    command = ["git", "-C", str(directory), *flags, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.strip()  # noqa: S603 - git


def test_the_command_prints_one_line_per_break_and_fails(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for against in ("HEAD", str(repository / "snapshots")):
        code = main(["--against", against, "--sources", str(repository)])

        assert code == 1
        (line,) = capsys.readouterr().out.splitlines()
        assert line == f"{SIGN_IN}: data.gone: removed field: readers of the old version miss it"


def test_a_revision_without_snapshots_can_have_nothing_broken(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = git(repository, "mktree", "--missing")
    commit = git(repository, "commit-tree", "-m", "nothing", tree)

    assert main(["--against", commit, "--sources", str(repository)]) == 0
    assert "0 event types" in capsys.readouterr().err


@pytest.mark.parametrize("against", ["nonesuch", "--help-me", "", "HEAD~99"])
def test_a_place_that_is_neither_a_directory_nor_a_revision_is_an_error(
    repository: Path, against: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([f"--against={against}", "--sources", str(repository)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_directory_without_snapshots_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--against", str(tmp_path)]) == 2
    assert "no snapshots" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_snapshot_that_is_no_json_object_is_an_error(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nuxari.access.x.v1.json").write_text(text)

    assert main(["--against", str(tmp_path)]) == 2
    assert "nuxari.access.x.v1.json" in capsys.readouterr().err
