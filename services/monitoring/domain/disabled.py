"""Use of what a deactivated user left behind: uses joined with the user's state and the credential's owner."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from typing_extensions import override

from services.monitoring.domain.episodes import Episode, each_alone
from services.monitoring.domain.groups import Group, Groups, Owned, add, discard, forget_before, state_at
from services.monitoring.domain.model import Entry, Fact
from services.monitoring.domain.rules import DisabledIdentity
from services.monitoring.domain.trackers import Tracker

USES_KEPT = 10_000
"""The newest uses of one credential that wait for a late word on who owns it; as many as a group keeps events."""


SKEW_MS = 60_000
"""By so much may the clocks of those differ who write of a use, a deactivation, a registration and an orphaning."""


class DisabledTracker(Tracker[DisabledIdentity]):
    """Groups by user. A credential's use belongs to whoever presented it and to who owned it at the time."""

    is_single_event = True
    is_join = True

    @override
    def touch(self, groups: Groups, fact: Fact, entry: Entry) -> Iterator[str]:
        """Put the event where it belongs, and yield each user whose episodes may have changed."""
        match entry.role:
            case "activation" | "deactivation":
                yield from self._note_state(groups, fact.data.user_id, entry)
            case "registration" | "new-owner":
                yield from self._note_owner(groups, fact.data.credential_id, fact.data.owner_id, entry)
            case "orphaning":
                yield from self._note_orphaning(groups, fact, entry)
            case "credential-use":
                yield from self._note_credential_use(groups, fact, entry)
            case _:
                yield from self._note_use(groups, fact.data.user_id, entry)

    def _note_state(self, groups: Groups, user: str, entry: Entry) -> Iterator[str]:
        group = groups.of(user)
        if add(group.states, entry) and group.entries:
            yield user

    def _note_use(self, groups: Groups, user: str, entry: Entry) -> Iterator[str]:
        group = groups.of(user)
        if add(group.entries, entry) and group.states:
            yield user

    def _note_orphaning(self, groups: Groups, fact: Fact, entry: Entry) -> Iterator[str]:
        """An orphaning names the owner too; whether the registration was seen before must not matter."""
        user, credential = fact.data.former_owner_id, fact.data.credential_id
        group = groups.of(user)
        add(group.related, entry._replace(object=credential))
        yield from self._note_owner(groups, credential, user, entry)
        if group.standing:
            yield user

    def _note_owner(self, groups: Groups, credential: str, owner: str | None, entry: Entry) -> Iterator[str]:
        """Take in who owns the credential from then on, and give its latest uses to the right owners."""
        known = groups.credentials.setdefault(credential, Owned())
        if owner is None or any(one[:3] == entry[:3] for one, _ in known.owners):
            return
        before = [self._owner_at(known, use) for use, _ in known.uses]
        insort(known.owners, (entry, owner))
        for (use, presenter), old in zip(known.uses, before, strict=True):
            new = self._owner_at(known, use)
            if new is None or new == old:
                continue
            if old is not None and old != presenter and discard(groups.of(old).entries, use):
                yield old
            yield from self._note_use(groups, new, use)

    def _note_credential_use(self, groups: Groups, fact: Fact, entry: Entry) -> Iterator[str]:
        credential, presenter = fact.data.credential_id, fact.data.user_id
        use = entry._replace(object=credential)
        known = groups.credentials.setdefault(credential, Owned())
        if not _is_among(known.uses, use):
            insort(known.uses, (use, presenter), key=lambda pair: pair[0])
            del known.uses[:-USES_KEPT]
        for user in {presenter, self._owner_at(known, use)} - {None}:
            yield from self._note_use(groups, str(user), use)

    def _owner_at(self, known: Owned, use: Entry) -> str | None:
        """Return the owner at the time of the use; shortly before the first that is known, that one."""
        owner = None
        for entry, name in known.owners:
            if entry.time_ms <= use.time_ms or (owner is None and entry.time_ms <= use.time_ms + SKEW_MS):
                owner = name
        return owner

    @override
    def episodes(self, group: Group) -> Iterator[Episode]:
        """Yield the runs of uses while the user was deactivated, with what shows that they were."""
        disabled = [use for use in group.entries if self._is_disabled(group, use)]
        for episode in each_alone(disabled, quiet_ms=self.quiet_ms):
            yield episode._replace(evidence=sorted({*self._grounds(group, episode), *episode.evidence}))

    def _is_disabled(self, group: Group, use: Entry) -> bool:
        state = state_at(group.states, use.time_ms)
        return state is not None and state.role == "deactivation"

    def _grounds(self, group: Group, episode: Episode) -> list[Entry]:
        deactivation = state_at(group.states, episode.identity.time_ms)
        used = {use.object for use in episode.evidence if use.object}
        if deactivation is None:
            return []
        since, until = deactivation.time_ms - SKEW_MS, episode.last_ms + self.quiet_ms
        orphanings = [one for one in group.related if one.object in used and since <= one.time_ms <= until]
        return [deactivation, *orphanings]

    @override
    def forget(self, group: Group, horizon_ms: int) -> bool:
        """Drop uses that no late deactivation can concern; a deactivation itself is kept for ever."""
        forget_before(group.entries, horizon_ms)
        while len(group.states) > 1 and group.states[1].time_ms < horizon_ms:
            del group.states[0]
        if group.states and group.states[-1].role == "activation" and group.states[-1].time_ms < horizon_ms:
            group.states.clear()
        if not group.states:
            forget_before(group.related, horizon_ms - SKEW_MS)
        return not (group.entries or group.states or group.related)


def _is_among(uses: list[tuple[Entry, str | None]], use: Entry) -> bool:
    at = bisect_left(uses, use[:3], key=lambda pair: pair[0][:3])
    return at < len(uses) and uses[at][0][:3] == use[:3]
