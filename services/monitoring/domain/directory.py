"""Who and what a tenant's users and credentials are, by its lifecycle events, in whatever order these arrive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import msgspec

from services.monitoring.domain.checks import time_of
from services.monitoring.domain.lifecycle import NOTED, Saying, sayings

__all__ = ["MOST_ENTRIES", "NOTED", "Directory"]

MOST_ENTRIES = 20_000
"""Users of a tenant, and as many credentials; beyond, the one that was noted longest ago is forgotten."""

_MOST_NAMED = 32
"""Roles, factors, activations and systems of one user: the newest ones, those that are over included."""

_MOST_SHOWN = 16
"""Roles and activations that an answer lists."""

_START = datetime(1970, 1, 1, tzinfo=UTC)

Word = tuple[int, str, str, Any]
"""Time (ms since the epoch), source and id of the event that said it last, and what it said."""

Words = dict[str, dict[str, Word]]
"""By attribute and name."""

_EMPTY = msgspec.msgpack.encode({})
_unpacked = msgspec.msgpack.Decoder(Words).decode


class Directory(msgspec.Struct, array_like=True):
    """One tenant's users and credentials. Of each attribute the newest word by event time counts, whenever it came."""

    users: dict[str, bytes] = {}
    """What is said of each, packed: most of them are not asked for."""
    credentials: dict[str, bytes] = {}

    def note(self, fact: Any, *, time_ms: int | None = None) -> None:  # noqa: ANN401 - a fact, or what looks like one
        """Remember what the fact says, nothing for a type that is not `NOTED`; a second time changes nothing.

        `time_ms` is when it happened if that is not what the fact says: one from the future would else have the last
        word for ever.
        """
        time_ms = fact.time_ms if time_ms is None else time_ms
        for (subject, id_), said in groupby(sayings(fact), key=lambda saying: saying[:2]):
            entries = self.users if subject == "user" else self.credentials
            words = _unpacked(entries.pop(id_, _EMPTY))
            for saying in said:
                _put(words.setdefault(saying.attribute, {}), saying, (time_ms, fact.source, fact.id, saying.value))
            if len(entries) >= MOST_ENTRIES:
                del entries[next(iter(entries))]
            entries[id_] = msgspec.msgpack.encode(words)

    def about(self, *, user_id: str, at_ms: int) -> dict[str, Any]:
        """Return what is known of the user, as plain JSON; empty if nothing is. Ends that are past by then are over."""
        words = _unpacked(self.users.get(user_id, _EMPTY))
        said = {
            **_shown(words.get("state", {}).get(""), words.get("lock", {}).get(""), at_ms),
            "accounts": _accounts(words, at_ms) or None,
            "roles": _held(words.get("role", {}), at_ms),
            "activations": _held(words.get("activation", {}), at_ms),
            "factors": _factors(words),
            **{f"{what}_at": _newest(words.get(what)) for what in ("mfa_reset", "password_reset", "password_changed")},
        }
        return {name: value for name, value in said.items() if value is not None}

    def about_credential(self, *, credential_id: str, at_ms: int) -> dict[str, Any]:
        """Return what is known of the credential, as plain JSON; empty if nothing is."""
        words = _unpacked(self.credentials.get(credential_id, _EMPTY))
        if not words:
            return {}
        rotation = _value(words, "rotation") or {}
        said = {
            "state": _credential_state(words, at_ms),
            **{name: _value(words, name) for name in _PLAIN},
            "rotation": rotation.get("state"),
            "rotation_due_at": rotation.get("due_at"),
            "changed_out_of_band_at": _newest(words.get("changed_out_of_band")),
        }
        return {name: value for name, value in said.items() if value is not None}


_PLAIN = ("kind", "owner_id", "agent_id", "expires_at", "revoked_at", "administrative", "network_restricted")


def _put(words: dict[str, Word], saying: Saying, word: Word) -> None:
    """Keep the newer word; of too many names drop the one that was spoken of longest ago.

    What is dropped is older than all that is kept, and stays so in any order of arrival.
    """
    known = words.get(saying.name)
    if known is None or known[:3] < word[:3]:
        words[saying.name] = word
    if len(words) > _MOST_NAMED:
        del words[min(words, key=lambda name: words[name][:3])]


def _value(words: Words, attribute: str) -> Any:  # noqa: ANN401 - any JSON
    word = words.get(attribute, {}).get("")
    return None if word is None else word[3]


def _newest(words: dict[str, Word] | None) -> str | None:
    return _iso(max(word[0] for word in words.values())) if words else None


def _iso(time_ms: int) -> str:
    at = _START + timedelta(milliseconds=time_ms)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_over(ends_at: Any, at_ms: int) -> bool:  # noqa: ANN401 - a time as text, or null
    end = time_of(ends_at)
    return end is not None and (end - _START) // timedelta(milliseconds=1) <= at_ms


def _shown(state: Word | None, lock: Word | None, at_ms: int) -> dict[str, str]:
    """Return the state and since when; a lock shows on whoever could sign in but for it."""
    is_locked = lock is not None and lock[3] is not None and not _is_over(lock[3]["ends_at"], at_ms)
    if lock is not None and is_locked and (state is None or state[3] == "active"):
        return {"state": "locked", "since": _iso(lock[0])}
    return {} if state is None else {"state": state[3], "since": _iso(state[0])}


def _accounts(words: Words, at_ms: int) -> dict[str, dict[str, str]]:
    """Return the accounts in connected systems, by system."""
    states, locks = words.get("account", {}), words.get("account_lock", {})
    shown = {name: _shown(states.get(name), locks.get(name), at_ms) for name in sorted({*states, *locks})}
    return {name: state for name, state in shown.items() if state}


def _held(words: dict[str, Word], at_ms: int) -> list[dict[str, Any]] | None:
    """Return what is held, the newest first; None if nothing is."""
    held = [word for word in words.values() if word[3] is not None and not _is_over(word[3].get("ends_at"), at_ms)]
    held.sort(key=lambda word: word[:3], reverse=True)
    shown = [{name: value for name, value in word[3].items() if value is not None} for word in held[:_MOST_SHOWN]]
    return [{**said, "since": _iso(word[0])} for said, word in zip(shown, held, strict=False)] or None


def _factors(words: Words) -> int | None:
    """Return how many factors there are: those enrolled since the last reset in their system."""
    factors, resets = words.get("factor", {}), words.get("mfa_reset", {})
    if not factors and not resets:
        return None
    there = (word for word in factors.values() if word[3] is not None)
    return sum(word[:3] > resets.get(word[3]["system"], (-1, "", ""))[:3] for word in there)


def _credential_state(words: Words, at_ms: int) -> str:
    if _value(words, "revoked_at") is not None:
        return "revoked"
    if _is_over(_value(words, "expires_at"), at_ms):
        return "expired"
    is_orphaned = "owner_id" in words and _value(words, "owner_id") is None
    return "orphaned" if is_orphaned else "active"
