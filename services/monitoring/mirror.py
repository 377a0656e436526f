"""Structs for msgspec made from the contract's models: a field that is new in the contract needs no word here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from nuxari_events.envelope import Timestamp
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_PLAIN = (str, int, float, bool, NoneType)
_BOUNDS = {Ge: "ge", Gt: "gt", Le: "le", Lt: "lt", MinLen: "min_length", MaxLen: "max_length"}
_OF_TEXT = frozenset({"pattern", "min_length", "max_length"})

_ONE = r"(?:\\x[0-9a-f]{2}|[!-%'-,./-Z_a-~])"
_SAME_EVERYWHERE = re.compile(
    rf"\^(?:(?:\[\^?(?:{_ONE}(?:-{_ONE})?)+-?\]|[A-Za-z0-9_-])(?:\{{\d+(?:,\d+)?\}}|[+*])?)*\$"
)
"""Patterns of characters and plain classes, from the first to the last: there Rust's dialect and Python's agree."""


class NotMirroredError(TypeError):
    """The model has something that msgspec may understand in another way: it is left to pydantic."""


def mirror_of_event(model: type[BaseModel], *, type_: str, required: frozenset[str]) -> Any:  # noqa: ANN401 - a type made here
    """Return a struct that takes nothing from JSON that the strict model does not, with the same values.

    Except for `time`, which is `msgspec.Raw`: as it stands, unchecked. Enumerations are read as their values. The
    `type` is the tag of a union. `required` are fields that must be there although the model has a default.

    Raises:
        NotMirroredError: the model has a field or a validator of a kind that is not known here.
    """
    fields = dict(_fields(model, required=required, as_it_stands=frozenset({"time"})))
    del fields["type"]
    return msgspec.defstruct(
        model.__name__, [*fields.values()], frozen=True, gc=False, kw_only=True, tag=type_, tag_field="type"
    )


def _fields(
    model: type[BaseModel], *, required: frozenset[str] = frozenset(), as_it_stands: frozenset[str] = frozenset()
) -> Iterator[tuple[str, Any]]:
    own = model.__pydantic_decorators__
    if own.validators or own.field_validators or own.root_validators or own.model_validators:
        raise NotMirroredError(f"{model.__name__} has validators of its own")
    hints = get_type_hints(model, include_extras=True)
    for name, field in model.model_fields.items():
        hint = msgspec.Raw if name in as_it_stands and hints[name] == Timestamp else _mirrored(hints[name])
        yield name, _field(name, hint, field, must_be_there=name in required)


def _field(name: str, hint: Any, field: FieldInfo, *, must_be_there: bool) -> tuple[Any, ...]:  # noqa: ANN401 - a type
    if field.alias is not None or field.validation_alias is not None:
        raise NotMirroredError(f"{name} has an alias")
    if must_be_there or field.is_required():
        return name, hint
    if field.default_factory is not None:
        raise NotMirroredError(f"{name} has a default that is made anew each time")
    default = field.default
    return name, hint, default.value if isinstance(default, Enum) else default


def _mirrored(hint: Any) -> Any:  # noqa: ANN401 - a type
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return Union[tuple(_mirrored(one) for one in arguments)]  # noqa: UP007 - of as many as there are
    if origin is Annotated and arguments[0] in _PLAIN:
        return Annotated[arguments[0], msgspec.Meta(**dict(_constraints(arguments[1:])))]
    if origin is Literal and all(isinstance(one, str) for one in arguments):
        return hint
    if hint in _PLAIN:
        return hint
    return _mirrored_class(hint)


def _mirrored_class(hint: Any) -> Any:  # noqa: ANN401 - a type
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return msgspec.defstruct(hint.__name__, [one for _, one in _fields(hint)], frozen=True, gc=False, kw_only=True)
    if isinstance(hint, type) and issubclass(hint, str) and issubclass(hint, Enum):
        return Literal[tuple(one.value for one in hint)]
    raise NotMirroredError(f"{hint} is not known here")


def _constraints(metadata: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    for one in metadata:
        if isinstance(one, FieldInfo):
            yield from _constraints(tuple(one.metadata))
        elif type(one) in _BOUNDS:
            yield _BOUNDS[type(one)], getattr(one, _BOUNDS[type(one)])
        else:
            yield from _of_text({key: value for key, value in getattr(one, "__dict__", {"": one}).items() if value})


def _of_text(constraints: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if not constraints.keys() <= _OF_TEXT:
        raise NotMirroredError(f"{constraints} are not known here")
    for key, value in constraints.items():
        yield key, _pattern(value) if key == "pattern" else value


def _pattern(pattern: str) -> str:
    """Return it for Python's `re`, where `$` also stands before a last newline."""
    if not _SAME_EVERYWHERE.fullmatch(pattern):
        raise NotMirroredError(f"{pattern} may mean something else in Python")
    return pattern.removesuffix("$") + r"\Z"
