"""Files of foreign records."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli import record_files
from services.cli.record_files import BadFileError, Entry, entries_of, files_in, in_order_of_time, surveyed

ONE, TWO = {"eventTime": "2025-06-03T09:00:00Z", "n": 1}, {"eventTime": "2025-06-03T08:00:00Z", "n": 2}


def written(path: Path, content: object) -> Path:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def time_of(entry: Entry) -> str:
    return str((entry.record or {}).get("eventTime", ""))


@pytest.mark.parametrize(
    "content",
    [[ONE, TWO], {"Records": [ONE, TWO]}, b"\xef\xbb\xbf" + json.dumps([ONE, TWO]).encode()],
)
@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_arrays_and_records_are_read_compressed_or_not(tmp_path: Path, content: object, name: str) -> None:
    entries = entries_of(written(tmp_path / name, content))

    assert [(entry.number, entry.record) for entry in entries] == [(1, ONE), (2, TWO)]


def test_one_record_per_line_is_read_with_its_line_numbers(tmp_path: Path) -> None:
    text = f"{json.dumps(ONE)}\n\n{json.dumps(TWO)}\n".encode()

    assert [(one.number, one.record) for one in entries_of(written(tmp_path / "a", text))] == [(1, ONE), (3, TWO)]


def test_a_single_record_is_a_file_of_one(tmp_path: Path) -> None:
    assert [entry.record for entry in entries_of(written(tmp_path / "a.json", ONE))] == [ONE]


def test_a_line_or_element_that_is_no_object_is_kept_as_text(tmp_path: Path) -> None:
    lines = entries_of(written(tmp_path / "lines", json.dumps(ONE).encode() + b"\n{broken\n"))
    elements = entries_of(written(tmp_path / "elements", [ONE, 7]))

    assert [(one.record, one.text) for one in lines] == [(ONE, None), (None, "{broken")]
    assert [(one.record, one.text) for one in elements] == [(ONE, None), (None, "7")]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'[{"eventTime": "2025', "not JSON: line 1, column 16"),
        (b"", "not JSON"),
        (b"7", "neither a list"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b"\x1f\x8b broken", "cannot be read"),
        (gzip.compress(b"[]" * 1000)[:-9], "cannot be read"),
    ],
)
def test_a_bad_file_is_named_with_its_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)

    with pytest.raises(BadFileError, match=reason) as caught:
        entries_of(path)

    assert caught.value.path == path


def test_a_decompression_bomb_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_files, "MAX_FILE_BYTES", 2 * 1024**2)
    bomb = written(tmp_path / "bomb.json.gz", b" " * (3 * 1024**2))

    with pytest.raises(BadFileError, match="larger than 2 MiB"):
        entries_of(bomb)


def test_directories_give_their_record_files_and_named_files_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("b.json", "below/a.jsonl.gz", "LICENSE", "odd"):
        written(tmp_path / name, [])

    found = files_in([tmp_path, tmp_path / "odd", tmp_path / "b.json"])

    assert [path.name for path in found] == ["b.json", "a.jsonl.gz", "odd"]


def test_a_path_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file or directory"):
        files_in([tmp_path / "missing"])


def test_the_survey_finds_the_earliest_time_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_files, "_CHUNK", 7)
    path = written(tmp_path / "a.json", [ONE, TWO, ONE])

    assert surveyed(path, time_field="eventTime").earliest == "2025-06-03T08:00:00Z"


hours = st.lists(st.lists(st.integers(0, 30), max_size=6), max_size=6)


@given(hours)
def test_records_of_files_that_overlap_come_in_order_of_time(
    tmp_path_factory: pytest.TempPathFactory, hours: Sequence[Sequence[int]]
) -> None:
    directory = tmp_path_factory.mktemp("records")
    for number, times in enumerate(hours):
        records = [{"eventTime": f"2025-06-{hour + 1:02}T00:00:00Z"} for hour in times]
        written(directory / f"{number}.json", records)
    bad: list[Any] = []

    files = [surveyed(path, time_field="eventTime") for path in files_in([directory])]
    times = [time_of(entry) for entry in in_order_of_time(files, time_of=time_of, bad=bad.append)]

    assert times == sorted(f"2025-06-{hour + 1:02}T00:00:00Z" for times in hours for hour in times)
    assert not bad


def test_a_bad_file_among_good_ones_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    written(tmp_path / "good.json", [ONE])
    written(tmp_path / "bad.json", b"{")
    bad: list[BadFileError] = []

    files = [surveyed(path, time_field="eventTime") for path in files_in([tmp_path])]
    entries = list(in_order_of_time(files, time_of=time_of, bad=bad.append))

    assert [entry.record for entry in entries] == [ONE]
    assert [error.path.name for error in bad] == ["bad.json"]
