"""Conditions as one function of an event, written in Python for them: faster than closures, and never different.

`predicates` says what is right; where an expression would not be faster the closure of `checks` is called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from services.monitoring.domain.checks import any_value
from services.monitoring.domain.conditions import Check, Condition, Every, Exists, Not, Null, SameAs, Some, Test, Text
from services.monitoring.domain.layout import Layout
from services.monitoring.domain.predicates import anywhere, same
from services.monitoring.domain.simplify import cost

Match = Callable[[Any], int]
"""Returns the rules that an event matches: bit 0 for the first rule, bit 1 for the second, ..."""


def compiled(conditions: Mapping[int, Condition | bool], layout: Layout) -> Match | None:
    """Return a function of the conditions, by the rule's bit; a condition may be decided. None if none can hold."""
    terms = {place: one for place, one in conditions.items() if one is not False}
    if not terms:
        return None
    writer = _Writer(layout, Counter(_read(terms.values())))
    code = " | ".join(f"({1 << place} if {writer.condition(one)} else 0)" for place, one in terms.items())
    source = "\n    ".join(["def match(e):", *writer.before, f"return {code}"])
    scope: dict[str, Any] = {}
    exec(source, {**layout.names, **writer.names}, scope)  # noqa: S102 - rules enter by name and by repr, never as text
    made: Match = scope["match"]
    return made


def _read(conditions: Iterable[Condition | bool]) -> Iterator[str]:
    """Yield each field as often as expressions read its value; several texts of one field in a row read it once."""
    for one in conditions:
        match one:
            case Every(parts) | Some(parts):
                together, _ = same_field_texts(parts)
                yield from _read(parts) if together is None else (together,)
            case Not(part):
                yield from _read((part,))
            case Test(str() as field, check) if not isinstance(check, SameAs | Exists):
                yield field
            case _:
                continue


class _Writer:
    """Writes expressions; what they need beyond the event goes by names."""

    def __init__(self, layout: Layout, uses: Mapping[str, int]) -> None:
        self.names: dict[str, Any] = {}
        self.before: list[str] = []
        """Statements: what is read more than once is read first, and kept."""
        self._layout = layout
        parents = Counter(parent for field in uses if (parent := layout.parent(field)) is not None)
        self._parents = {parent: self._kept(parent) for parent, count in parents.items() if count > 1}
        self._values = {field: self._kept(self._code(field)) for field, count in uses.items() if count > 1}

    def condition(self, condition: Condition | bool) -> str:  # noqa: FBT001 - a condition that is decided
        match condition:
            case bool():
                return str(condition)
            case Test(None, check):
                return f"{self._name(anywhere(check))}(e)"
            case Test(str() as field, check):
                return self._test(field, check)
            case Every(parts):
                return self._joined(parts, " and ") if parts else "True"
            case Some(parts):
                return self._joined(parts, " or ") if parts else "False"
            case Not(part):
                return f"(not {self.condition(part)})"
            case _:
                raise TypeError(condition)

    def _joined(self, parts: Sequence[Condition], word: str) -> str:
        field, texts = same_field_texts(parts)
        if field is None:
            return "(" + word.join(self.condition(one) for one in sorted(parts, key=cost)) + ")"
        holds = [any_value(text) for text in texts]
        over = all if word == " and " else any
        return self._value(field, _fast(texts, word), lambda value: over(one(value) for one in holds))

    def _test(self, field: str, check: Check) -> str:
        match check:
            case Null():
                return f"({self._values.get(field) or self._code(field)} is None)"
            case Exists(wanted):
                present = self._layout.presence(field)
                return present if wanted else f"(not {present})"
            case SameAs(other):
                holds = same(check, self._layout.reader(field), self._layout.reader(other))
                return f"{self._name(holds)}(e)"
            case _:
                fast = _fast([check], "") if isinstance(check, Text) else None
                return self._value(field, fast, any_value(check))

    def _value(self, field: str, fast: Callable[[str], str] | None, holds: Callable[[Any], bool]) -> str:
        """Return a test of the field's value: the fast one of a text, the full one of anything else that is there."""
        kept, full = self._values.get(field), self._name(holds)
        value, read = (kept, kept) if kept else ("v", f"(v := {self._code(field)})")
        if fast is None:
            return f"({read} is not None and {full}({value}))"
        return f"({fast(value)} if {read}.__class__ is str else {value} is not None and {full}({value}))"

    def _code(self, field: str) -> str:
        parent = self._layout.parent(field)
        return self._layout.code(field, parent=self._parents.get(parent) if parent else None)

    def _kept(self, code: str) -> str:
        name = f"k{len(self.before)}"
        self.before.append(f"{name} = {code}")
        return name

    def _name(self, value: Any) -> str:  # noqa: ANN401 - whatever an expression needs
        name = f"n{len(self.names)}"
        self.names[name] = value
        return name


def same_field_texts(parts: Sequence[Condition]) -> tuple[str | None, list[Text]]:
    """Return the field and the texts if all that the parts say is how its text looks; without regard to case."""
    field, texts = None, []
    for part in parts:
        match part:
            case Test(str() as mine, Text(is_cased=False) as check) if field in (None, mine) and _form(check, ""):
                field = mine
                texts.append(check)
            case _:
                return None, []
    return field, texts


def _fast(texts: Sequence[Text], word: str) -> Callable[[str], str] | None:
    """Return what writes the tests of a value that is text, by its name; None where the full ones are as good."""
    if any(_form(text, "") is None for text in texts):
        return None
    if word == " or " and all(text.literal is not None for text in texts):
        wanted = sorted({str(text.literal).lower() for text in texts})
        return lambda value: f"{value}.lower() in {{{', '.join(map(repr, wanted))}}}"
    folded = "{}" if texts[0].is_cased else "{}.lower()" if len(texts) == 1 else "(w := {}.lower())"
    return lambda value: f"({word.join(_forms(texts, folded.format(value)))})"


def _forms(texts: Sequence[Text], folded: str) -> Iterator[str]:
    """Yield the tests; the first one folds the text, the others use what it kept as `w`."""
    for place, text in enumerate(texts):
        yield _form(text, "w" if place else folded) or ""


def _form(text: Text, value: str) -> str | None:
    """Return the test of the value, folded if the text is, as an expression; None if there is none that is fast."""
    match tuple(part.lower() if isinstance(part, str) and not text.is_cased else part for part in text.parts):
        case ():
            return f"not {value}"
        case (str() as whole,):
            return f"{value} == {whole!r}"
        case (None, str() as part, None):
            return f"{part!r} in {value}"
        case (str() as part, None):
            return f"{value}.startswith({part!r})"
        case (None, str() as part):
            return f"{value}.endswith({part!r})"
        case _:
            return None
