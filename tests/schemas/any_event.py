"""Any event of the contract, made from the models themselves, so that a new field or type is covered unasked."""

from __future__ import annotations

from datetime import UTC
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Le
from hypothesis import strategies as st
from nuxari_events.envelope import Event, Name, Text
from nuxari_events.topics import TOPICS, Topic
from pydantic import AwareDatetime, BaseModel, JsonValue, StringConstraints
from pydantic.fields import FieldInfo

_ALPHABETS = {
    get_args(Name)[1].pattern: st.characters(codec="utf-8", min_codepoint=0x20, exclude_characters="\x7f"),
    get_args(Text)[1].pattern: st.characters(codec="utf-8", min_codepoint=1),
}
_LONG_ENOUGH = 40

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**31), 2**31)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=_LONG_ENOUGH),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
"""Any value of JSON."""


def events(topic: Topic) -> st.SearchStrategy[Event]:
    """Any event of one topic's contract."""
    return st.one_of([_model(cls) for cls in topic.event_classes])


def topics_and_events() -> st.SearchStrategy[tuple[Topic, Event]]:
    return st.sampled_from(TOPICS).flatmap(lambda topic: st.tuples(st.just(topic), events(topic)))


@cache
def _model(cls: type[BaseModel]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls, include_extras=True)
    return st.builds(cls, **{name: _value(hints[name]) for name in cls.model_fields})


def _value(hint: Any) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _constrained(arguments[0], arguments[1:])
    if origin in {Union, UnionType}:
        return st.one_of([_value(one) for one in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(_value(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(_value(arguments[0]), _value(arguments[1]), max_size=3)
    return _plain(hint)


def _plain(hint: Any) -> st.SearchStrategy[Any]:
    if hint is JsonValue:
        return _JSON
    if issubclass(hint, BaseModel):
        return _model(hint)
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    simple = {
        NoneType: st.none(),
        bool: st.booleans(),
        int: st.integers(-(2**31), 2**31),
        float: st.floats(allow_nan=False, allow_infinity=False),
        str: st.text(st.characters(codec="utf-8"), max_size=_LONG_ENOUGH),
    }
    return simple[hint]


def _constrained(hint: Any, metadata: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    flat = [one for item in metadata for one in (item.metadata if isinstance(item, FieldInfo) else [item])]
    if hint is AwareDatetime:
        return st.datetimes(timezones=st.just(UTC))
    if hint is str:
        return _text(flat)
    low = next((one.ge for one in flat if isinstance(one, Ge)), None)
    high = next((one.le for one in flat if isinstance(one, Le)), None)
    if hint is int:
        return st.integers(low, high)
    if hint is float:
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    return _value(hint)


def _text(metadata: list[Any]) -> st.SearchStrategy[str]:
    pattern = next((one.pattern for one in metadata if getattr(one, "pattern", None)), None)
    if pattern not in _ALPHABETS:
        return st.from_regex(pattern, fullmatch=True)
    lengths = next((one for one in metadata if isinstance(one, StringConstraints)), StringConstraints())
    return st.text(_ALPHABETS[pattern], min_size=lengths.min_length or 0, max_size=_LONG_ENOUGH)
