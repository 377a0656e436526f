"""The state of a partition and the offsets it belongs to, in one row: fenced, so that a former owner cannot write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.persistence.database import Transaction

_CLAIM = """
insert into checkpoint (partition, epoch, offsets) values ($1, 1, '{}')
on conflict (partition) do update set epoch = checkpoint.epoch + 1
returning epoch, offsets, announced, state
"""
_SAVE = """
update checkpoint set offsets = $3, state = $4, saved_at = $5 where partition = $1 and epoch = $2
"""
_NOTE_ANNOUNCED = """
update checkpoint set announced = $3 where partition = $1 and epoch = $2
"""


@dataclass(frozen=True)
class Checkpoint:
    """What was kept of a partition."""

    epoch: int
    """Of its owner: the next owner's is higher, and then this one's writes are refused."""
    offsets: Mapping[str, int]
    """The next offset to read, by topic; a topic that is missing is read from its beginning."""
    announced: Mapping[str, int]
    """The offsets up to which everything was announced, by topic; the state may be older."""
    state: bytes | None


async def claim(transaction: Transaction, partition: int) -> Checkpoint:
    """Become the owner of the partition and return what was kept of it."""
    row = await transaction.fetchrow(_CLAIM, partition)
    if row is None:
        raise AssertionError("an upsert returned no row")
    return Checkpoint(row["epoch"], json.loads(row["offsets"]), json.loads(row["announced"]), row["state"])


async def save(
    transaction: Transaction, partition: int, *, epoch: int, offsets: Mapping[str, int], state: bytes, at: datetime
) -> bool:
    """Keep state and offsets together; return False, having kept nothing, if the partition has another owner now."""
    tag = await transaction.execute(_SAVE, partition, epoch, json.dumps(offsets), state, at)
    return tag == "UPDATE 1"


async def note_announced(transaction: Transaction, partition: int, *, epoch: int, offsets: Mapping[str, int]) -> bool:
    """Keep the offsets whose alerts this transaction announces; return False if the partition has another owner now."""
    tag = await transaction.execute(_NOTE_ANNOUNCED, partition, epoch, json.dumps(offsets))
    return tag == "UPDATE 1"
