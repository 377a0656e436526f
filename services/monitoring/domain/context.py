"""What a person wants to know beside an alert: where, with what, and who it was, as known when it was decided."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.monitoring.domain.derived.derivation import Derivation
from services.monitoring.domain.directory import Directory
from services.monitoring.domain.model import Fact


def context_of(facts: Iterable[Fact], *, derivation: Derivation, directory: Directory | None) -> dict[str, Any]:
    """Return what is known around the last of the facts, as plain JSON with what is empty left out.

    `origin`, `answer`, `agent` and `calendar` are the derived fields, `databases` says by which data they were found;
    `user`, `actor` (if somebody else) and `credential` are the directory's word on whom the fact names.
    """
    last = max(facts, key=lambda fact: (fact.time_ms, fact.source, fact.id), default=None)
    if last is None:
        return {}
    seen = derivation.seen_in(last)
    has_address = "ip" in seen.get("origin", {}) or "ip" in seen.get("answer", {})
    databases = [*derivation.databases.described] if has_address else []
    known = {} if directory is None else _known(last, directory)
    return {name: value for name, value in {**seen, **known, "databases": databases}.items() if value}


def _known(fact: Fact, directory: Directory) -> dict[str, Any]:
    """Return the directory's word on whom and what the fact names."""
    user, credential = getattr(fact.data, "user_id", None), getattr(fact.data, "credential_id", None)
    actor = None if fact.actor == user else fact.actor
    people = {name: directory.about(user_id=id_, at_ms=fact.time_ms) for name, id_ in _named(user, actor)}
    if credential is None:
        return people
    return {**people, "credential": directory.about_credential(credential_id=credential, at_ms=fact.time_ms)}


def _named(user: str | None, actor: str | None) -> list[tuple[str, str]]:
    return [(name, id_) for name, id_ in (("user", user), ("actor", actor)) if id_ is not None]
