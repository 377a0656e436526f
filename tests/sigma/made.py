"""Conditions and events that Sigma rules may be about, made by hypothesis: few names and values, so that they meet."""

from __future__ import annotations

from ipaddress import ip_network

import re2
from hypothesis import strategies as st

from services.monitoring.domain.conditions import (
    Comparison,
    Condition,
    Every,
    Exists,
    Expression,
    Flag,
    Network,
    Not,
    Null,
    Number,
    SameAs,
    Some,
    Test,
    Text,
    TimePart,
)

FIELDS = ("type", "user", "a.b", "a.c", "a.b.c", "x.y", "x", "port")
WORDS = (
    "Admin",
    "admin",
    "ADMIN_7",
    "10.1.2.3",
    "2001:db8::1",
    "443",
    "",
    "true",
    "a*b",
    "2026-03-02T08:00:00Z",
    "straße",
    "x\ny",
)

words = st.sampled_from(WORDS)
scalars = st.one_of(
    words, st.integers(-1, 3), st.sampled_from([443, 443.0, 1.5, 1772438400, 1772438400000]), st.booleans(), st.none()
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["b", "c", "y", "b.c"]), inner, max_size=3)
    ),
    max_leaves=5,
)
events = st.dictionaries(st.sampled_from([*FIELDS, "a", "other"]), values, max_size=6)

_parts = st.lists(st.one_of(words.filter(bool), st.none(), st.just(False)), max_size=3).map(tuple)
_texts = st.one_of(
    st.builds(lambda word: Text((word,) if word else ()), words),
    st.builds(lambda word, cased: Text((None, word, None), cased), words.filter(bool), st.booleans()),
    st.builds(lambda word, cased: Text((word, None), cased), words.filter(bool), st.booleans()),
    st.builds(lambda word, cased: Text((None, word), cased), words.filter(bool), st.booleans()),
    st.builds(Text, _parts, st.booleans()),
)
checks = st.one_of(
    _texts,
    _texts,
    st.builds(Number, st.sampled_from([0, 1, 443, 1.5])),
    st.builds(Flag, st.booleans()),
    st.just(Null()),
    st.builds(Comparison, st.sampled_from(["lt", "lte", "gt", "gte"]), st.sampled_from([0, 2, 443])),
    st.builds(Network, st.sampled_from(["10.0.0.0/8", "2001:db8::/32"]).map(ip_network)),
    st.sampled_from(["adm", "^Admin$", "[0-9]+"]).map(lambda source: Expression(re2.compile(source), source)),
    st.builds(TimePart, st.sampled_from(["hour", "year"]), st.sampled_from([8, 2026])),
)
_of_fields = st.one_of(
    checks,
    st.builds(Exists, st.booleans()),
    st.builds(SameAs, st.sampled_from(FIELDS), st.sampled_from(["equals", "begins", "ends", "contains"])),
)
tests = st.builds(Test, st.sampled_from(FIELDS), _of_fields)
keywords = st.builds(Test, st.none(), _texts)


def conditions(leaves: st.SearchStrategy[Test] = tests) -> st.SearchStrategy[Condition]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(Every, st.lists(inner, min_size=1, max_size=3).map(tuple)),
            st.builds(Some, st.lists(inner, min_size=1, max_size=3).map(tuple)),
            st.builds(Not, inner),
        ),
        max_leaves=6,
    )


@st.composite
def rules_of_types(draw: st.DrawFn) -> list[Condition]:
    """Rules as people write them: most of them for events of one type."""
    found = draw(st.lists(conditions(), min_size=1, max_size=4))
    typed = [Every((Test("type", Text((draw(words) or "z",))), one)) for one in found]
    return [*typed, *draw(st.lists(conditions(), max_size=1))]
