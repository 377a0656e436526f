"""What the Sigma Modifiers appendix 2.1 says, a test a sentence."""

from __future__ import annotations

import base64

import pytest

from tests.sigma.running import matched
from tests.sigma.test_specification import refused


def test_all_links_a_list_of_values_with_and():
    """Generic Modifiers, all."""
    events = [{"c": "powershell -enc -w hidden"}, {"c": "powershell -enc"}, {"c": ["-enc", "-w hidden"]}]

    assert matched("s: {c|contains|all: ['-enc', '-W Hidden']}, condition: s", *events) == [0, 2]


def test_startswith_endswith_and_contains_put_wildcards_around_the_value():
    """Generic Modifiers."""
    events = [{"u": "ADM_x"}, {"u": "x_adm"}, {"u": "xadmx"}, {"u": "adm"}, {"u": ["no", "adm!"]}]

    assert matched("s: {u|startswith: adm}, condition: s", *events) == [0, 3, 4]
    assert matched("s: {u|endswith: adm}, condition: s", *events) == [1, 3]
    assert matched("s: {u|contains: adm}, condition: s", *events) == [0, 1, 2, 3, 4]


def test_wildcards_within_such_values_stay_wildcards():
    """Generic Modifiers: the modifier puts wildcards around what may have some."""
    assert matched("s: {u|contains: 'a?b*c'}, condition: s", {"u": "xxaXb--c!"}, {"u": "ab--c"}) == [0]


def test_cased_compares_with_regard_to_case():
    """Generic Modifiers, cased."""
    events = [{"u": "Admin"}, {"u": "admin"}, {"u": "xAdminx"}]

    assert matched("s: {u|cased: Admin}, condition: s", *events) == [0]
    assert matched("s: {u|contains|cased: Admin}, condition: s", *events) == [0, 2]
    assert matched("s: {u|cased: 'Adm?n'}, condition: s", *events) == [0]


def test_neq_is_different_from_the_specified_values():
    """Generic Modifiers, neq: with strings, with numbers, with several values, with fieldref."""
    events = [{"u": "a", "v": "a"}, {"u": "b", "v": "a"}, {"u": 3, "v": "x"}, {}]

    assert matched("s: {u|neq: A}, condition: s", *events) == [1, 2, 3]
    assert matched("s: {u|neq: 3}, condition: s", *events) == [0, 1, 3]
    assert matched("s: {u|neq: [a, b]}, condition: s", *events) == [2, 3]
    assert matched("s: {u|fieldref|neq: v}, condition: s", *events) == [1, 2, 3]


@pytest.mark.parametrize("dash", ["-", "/", "\u2013", "\u2014", "\u2015"])
def test_windash_stands_for_every_dash(dash):
    """String Modifiers, windash."""
    events = [{"c": f"ping {dash}n 5"}, {"c": "ping +n 5"}]

    assert matched("s: {c|windash|contains: ' -n '}, condition: s", *events) == [0]


def test_windash_with_all_still_means_one_of_the_dashes_of_each():
    """String Modifiers, windash; Generic Modifiers, all."""
    events = [{"c": "x /a y -b"}, {"c": "x -a /b"}, {"c": "x -a"}]

    assert matched("s: {c|windash|contains|all: [' -a', ' -b']}, condition: s", *events) == [0, 1]


def test_a_regular_expression_is_searched_for_with_regard_to_case():
    """String Modifiers, Regular Expression."""
    events = [{"c": "a Bad thing"}, {"c": "a bad thing"}, {"c": "b.d"}, {"c": 42}]

    assert matched("s: {c|re: 'b.d'}, condition: s", *events) == [1, 2]
    assert matched("s: {c|re: '^a'}, condition: s", *events) == [0, 1]
    assert matched("s: {c|re: '^[0-9]{2,3}$'}, condition: s", *events) == [3]
    assert matched("s: {c|re: '(Bad|worse) thing$'}, condition: s", *events) == [0]


def test_submodifiers_of_re_set_flags():
    """String Modifiers, Regular Expression: i, m and s."""
    events = [{"c": "one\nTWO"}, {"c": "two"}]

    assert matched("s: {c|re|i: 'two'}, condition: s", *events) == [0, 1]
    assert matched("s: {c|re|m: '^TWO$'}, condition: s", *events) == [0]
    assert matched("s: {c|re: '^TWO$'}, condition: s", *events) == []
    assert matched("s: {c|re|s: 'one.TWO'}, condition: s", *events) == [0]
    assert matched("s: {c|re: 'one.TWO'}, condition: s", *events) == []
    assert matched("s: {c|re|i|s: 'ONE.two'}, condition: s", *events) == [0]


def test_a_regular_expression_may_be_bound_to_an_end():
    """String Modifiers with Generic Modifiers."""
    events = [{"c": "bad x"}, {"c": "x bad"}, {"c": "x bad x"}, {"c": "worse x"}]

    assert matched("s: {c|re|startswith: 'b.d|worse'}, condition: s", *events) == [0, 3]
    assert matched("s: {c|re|endswith: 'b.d'}, condition: s", *events) == [1]
    assert matched("s: {c|re|contains: 'b.d'}, condition: s", *events) == [0, 1, 2]


def test_lookaround_is_refused():
    """String Modifiers, Regular Expression: other metacharacters are unsupported."""
    assert "(?=x)" in refused("s: {c|re: 'a(?=x)'}, condition: s")


def test_base64_encodes_the_value():
    """Encoding, base64."""
    encoded = base64.b64encode(b"foobar").decode()

    assert matched("s: {c|base64: foobar}, condition: s", {"c": encoded}, {"c": "foobar"}) == [0]


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
def test_base64offset_finds_the_value_wherever_it_begins(before):
    """Encoding, base64offset."""
    encoded = base64.b64encode(f"{before}http://evil/{before}".encode()).decode()

    assert matched("s: {c|base64offset|contains: 'http://evil/'}, condition: s", {"c": encoded}, {"c": "aHR0"}) == [0]


@pytest.mark.parametrize(("modifier", "encoding"), [("wide", "utf-16-le"), ("utf16be", "utf-16-be")])
def test_utf16_modifiers_encode_before_base64(modifier, encoding):
    """Encoding, utf16be and wide."""
    encoded = base64.b64encode("cmd".encode(encoding)).decode()

    assert matched(f"s: {{c|{modifier}|base64: cmd}}, condition: s", {"c": encoded}) == [0]


def test_utf16_begins_with_a_byte_order_mark():
    """Encoding, utf16."""
    encoded = base64.b64encode(b"\xff\xfec\x00m\x00d\x00").decode()

    assert matched("s: {c|utf16|base64: cmd}, condition: s", {"c": encoded}) == [0]


def test_numbers_are_compared():
    """Numeric Modifiers: lt, lte, gt, gte; a text that is a number is one."""
    events = [{"n": 1}, {"n": "2"}, {"n": 3.5}, {"n": "x"}, {"n": None}, {"n": True}, {"n": [0, 9]}]

    assert matched("s: {n|lt: 2}, condition: s", *events) == [0, 6]
    assert matched("s: {n|lte: 2}, condition: s", *events) == [0, 1, 6]
    assert matched("s: {n|gt: 2}, condition: s", *events) == [2, 6]
    assert matched("s: {n|gte: 2}, condition: s", *events) == [1, 2, 6]
    assert matched("s: {n|gte: 1.5, n|lt: 3}, condition: s", *events) == [1, 6]
    assert refused("s: {n|lt: x}, condition: s")


@pytest.mark.parametrize(
    ("part", "number"), [("minute", 30), ("hour", 21), ("day", 2), ("week", 10), ("month", 3), ("year", 2026)]
)
def test_a_part_of_a_time_is_taken_in_utc(part, number):
    """Time Modifiers; that it is UTC is our decision."""
    events = [{"t": "2026-03-02T23:30:59+02:00"}, {"t": 1772487059}, {"t": 1772487059000}, {"t": "soon"}, {"t": 0}]

    assert matched(f"s: {{t|{part}: {number}}}, condition: s", *events) == [0, 1, 2]


def test_cidr_takes_networks_of_both_versions():
    """IP Modifiers, cidr."""
    events = [{"ip": "10.1.2.3"}, {"ip": "11.1.2.3"}, {"ip": "2001:db8::5"}, {"ip": "host"}, {"ip": ["x", "10.0.0.1"]}]

    assert matched("s: {ip|cidr: 10.0.0.0/8}, condition: s", *events) == [0, 4]
    assert matched("s: {ip|cidr: ['2001:db8::/32', 11.0.0.0/8]}, condition: s", *events) == [1, 2]


def test_fieldref_compares_fields_of_an_event():
    """Specific Modifiers, fieldref; with startswith, endswith and contains."""
    events = [
        {"a": "Root", "b": "root"},
        {"a": "rootkit", "b": "root"},
        {"a": "my root", "b": "root"},
        {"a": "my rooter", "b": "root"},
        {"b": "root"},
        {},
    ]

    assert matched("s: {a|fieldref: b}, condition: s", *events) == [0]
    assert matched("s: {a|fieldref|startswith: b}, condition: s", *events) == [0, 1]
    assert matched("s: {a|fieldref|endswith: b}, condition: s", *events) == [0, 2]
    assert matched("s: {a|fieldref|contains: b}, condition: s", *events) == [0, 1, 2, 3]


def test_fieldref_of_lists_takes_any_element_of_each():
    assert matched("s: {a|fieldref: b}, condition: s", {"a": ["x", 7], "b": ["7"]}, {"a": ["x"], "b": ["y"]}) == [0]


@pytest.mark.parametrize(
    "detection",
    [
        "s: {f|unknown: 1}, condition: s",
        "s: {f|exists: maybe}, condition: s",
        "s: {f|cidr: 10.0.0.0/99}, condition: s",
        "s: {f|re: '('}, condition: s",
        "s: {f|base64: 'a*'}, condition: s",
        "k: [null], condition: k",
        "k: {'|fieldref': x}, condition: k",
    ],
)
def test_what_makes_no_sense_is_refused_with_its_line(detection):
    assert refused(detection).startswith("rules.yml:5: ")
