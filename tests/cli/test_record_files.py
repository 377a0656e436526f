"""Files of foreign records."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli import record_files, record_text
from services.cli.record_files import BadFileError, entries_of, files_in

ONE, TWO = {"eventTime": "2025-06-03T09:00:00Z", "n": 1}, {"eventTime": "2025-06-03T08:00:00Z", "n": 2}


def written(path: Path, content: object) -> Path:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
    return path


def records_of(path: Path) -> list[Any]:
    return [entry.record for entry in entries_of(path)]


@pytest.mark.parametrize(
    "content",
    [
        [ONE, TWO],
        {"Records": [ONE, TWO]},
        {"@odata.context": "signIns", "value": [ONE, TWO]},
        {"records": [ONE, TWO], "more": 7},
        b"\xef\xbb\xbf" + json.dumps([ONE, TWO]).encode(),
        json.dumps({"value": [ONE, TWO]}, indent=2).encode(),
        json.dumps(ONE, indent=2).encode() + json.dumps(TWO, indent=2).encode(),
        json.dumps({"value": [ONE]}).encode() + b"\n" + json.dumps({"value": [TWO]}).encode() + b"\n",
    ],
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
    lines = list(entries_of(written(tmp_path / "lines", json.dumps(ONE).encode() + b"\n{broken\n")))
    elements = list(entries_of(written(tmp_path / "elements", [ONE, 7])))

    assert [(one.record, one.text) for one in lines] == [(ONE, json.dumps(ONE)), (None, "{broken")]
    assert [(one.record, one.text) for one in elements] == [(ONE, json.dumps(ONE)), (None, "7")]


def test_a_line_may_hold_a_list_of_records(tmp_path: Path) -> None:
    text = b"\n".join(json.dumps(line).encode() for line in (ONE, {"records": [ONE, TWO]}, [TWO]))

    entries = list(entries_of(written(tmp_path / "lines", text)))

    assert [(one.number, one.record) for one in entries] == [(1, ONE), (2, ONE), (2, TWO), (3, TWO)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'[{"eventTime": "2025', "not JSON: line 1, column 16"),
        (b"", "not JSON: it is empty"),
        (b"7", "neither a list"),
        (b'{"value": [{}, {"a"', "not JSON: line 1, column 20"),
        (b"[{}]\n[{}]\nrest", "not JSON: line 3, column 1"),
        (b"[{}\n {}]", "not JSON: line 2, column 2: , or ] is needed"),
        (b"[1" + b"0" * 5000 + b"]", "a number too long"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
        (b"\x1f\x8b broken", "cannot be read"),
        (gzip.compress(b"[]" * 1000, mtime=0)[:-9], "cannot be read"),
    ],
)
def test_a_bad_file_is_named_with_its_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)

    with pytest.raises(BadFileError, match=re.escape(reason)) as caught:
        records_of(path)

    assert caught.value.path == path


def test_a_decompression_bomb_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_files, "MAX_FILE_BYTES", 2 * 1024**2)
    bomb = written(tmp_path / "bomb.json.gz", b" " * (3 * 1024**2))

    with pytest.raises(BadFileError, match="larger than 2 MiB"):
        records_of(bomb)


def test_directories_give_their_record_files_and_named_files_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("b.json", "below/a.jsonl.gz", "LICENSE", "odd"):
        written(tmp_path / name, [])

    found = files_in([tmp_path, tmp_path / "odd", tmp_path / "b.json"])

    assert [path.name for path in found] == ["b.json", "a.jsonl.gz", "odd"]


def test_a_path_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file or directory"):
        files_in([tmp_path / "missing"])


def test_what_stands_before_the_break_of_a_file_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "cut.json", json.dumps({"value": [ONE, TWO]}).encode()[:-20])
    found: list[Any] = []

    with pytest.raises(BadFileError, match="not JSON"):
        found.extend(entry.record for entry in entries_of(path))

    assert found == [ONE]


@pytest.mark.parametrize("shape", ["array", "list in an object", "lines"])
def test_a_file_larger_than_the_memory_for_it_is_read_record_by_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    monkeypatch.setattr(record_files, "_CHUNK", 64)
    monkeypatch.setattr(record_text, "MAX_RECORD", 256)
    records = [{"n": number, "text": "é" * 40} for number in range(500)]
    texts = [json.dumps(record, ensure_ascii=False) for record in records]
    content = {
        "array": "[" + ",\n".join(texts) + "]",
        "list in an object": '{"context": "x", "value": [' + ", ".join(texts) + '], "next": null}',
        "lines": "\n".join(texts),
    }[shape]
    path = written(tmp_path / "large.json", content.encode())

    entries = list(entries_of(path))

    assert [entry.record for entry in entries] == records
    assert [entry.number for entry in entries] == list(range(1, 501))


@pytest.mark.parametrize("content", [b'["' + b"x" * 5000 + b'"]', b'{"n": 1}\n{"text": "' + b"x" * 5000 + b'"}'])
def test_a_record_larger_than_any_ends_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(record_files, "_CHUNK", 64)
    monkeypatch.setattr(record_text, "MAX_RECORD", 256)

    with pytest.raises(BadFileError, match="not JSON"):
        records_of(written(tmp_path / "large", content))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=6,
)


@given(st.lists(values, max_size=6), st.sampled_from([None, 2]), st.integers(1, 40))
def test_an_array_is_read_as_json_reads_it_wherever_the_chunks_end(
    tmp_path_factory: pytest.TempPathFactory, elements: list[Any], indent: int | None, chunk: int
) -> None:
    path = tmp_path_factory.mktemp("array") / "a"
    path.write_text(json.dumps(elements, indent=indent, ensure_ascii=False), encoding="utf-8", errors="replace")
    expected = json.loads(path.read_text(encoding="utf-8"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_files, "_CHUNK", chunk)
        found = [json.loads(entry.text) for entry in entries_of(path)]

    assert found == expected
