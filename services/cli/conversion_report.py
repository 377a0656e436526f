"""What became of foreign records: after this, every file, record and field is accounted for by name and number."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nuxari_events.adapters.conversion import Conversion, Unread
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from services.cli.record_files import BadFileError

MOST_NAMES = 200
"""So many different dropped paths are counted by name; a record with endless fields of its own fills no memory."""

OTHERS = "(others)"


@dataclass(kw_only=True)
class Report:
    """The account of one run."""

    files: int = 0
    records: int = 0
    events: int = 0
    """What the records say; each is published or a duplicate."""
    published: int = 0
    """Acknowledged by the broker."""
    duplicates: int = 0
    """Of an event of the same run, so not published again."""
    unread_file: Path | None = None
    """Where the unread records are kept; None where there are none."""
    rejected_file: Path | None = None
    """Where they are as they were; None where that is not wanted."""
    tenants: Counter[str] = field(default_factory=Counter)
    """Events of each."""
    types: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    bad_files: list[BadFileError] = field(default_factory=list)

    def note_conversion(self, conversion: Conversion) -> None:
        """Take in a record that was read."""
        self.records += 1
        self.events += len(conversion.events)
        self.types.update(event.type for event in conversion.events)
        self.tenants.update(event.tenantid for event in conversion.events)
        self.remarks.update(conversion.remarks)
        for path in conversion.dropped:
            self.dropped[path if path in self.dropped or len(self.dropped) < MOST_NAMES else OTHERS] += 1

    def note_unread(self, unread: Unread) -> None:
        """Take in a record that was not read, and why."""
        self.records += 1
        self.unread[f"{unread.code}: {unread.detail}"] += 1

    def as_json(self) -> dict[str, Any]:
        """Return the account as one JSON object."""
        return {
            "files": self.files,
            "records": self.records,
            "events": self.events,
            "published": self.published,
            "duplicates": self.duplicates,
            "by_type": dict(self.types),
            "tenants": sorted(self.tenants),
            "unread": self.unread.total(),
            "unread_reasons": dict(self.unread),
            "unread_file": str(self.unread_file) if self.unread_file else None,
            "rejected_file": str(self.rejected_file) if self.rejected_file else None,
            "bad_files": [{"path": str(one.path), "reason": one.reason} for one in self.bad_files],
            "remarks": dict(self.remarks),
            "dropped": dict(self.dropped),
        }

    def as_tables(self) -> RenderableType:
        """Return the account for a reader; what did not occur is left out."""
        shown = [
            _table(f"{self.events} events of {self.records} records in {self.files} files", self.types),
            _table("events", +Counter({"published": self.published, "duplicates": self.duplicates})),
            _table("tenants", self.tenants),
            _table("unread records", self.unread, caption=self._kept_in()),
            _table("bad files", Counter({str(one): 1 for one in self.bad_files})),
            _table("remarks", self.remarks),
            _table("fields without a place in the contract", self.dropped),
        ]
        return Group(*(table for table in shown if table.row_count))

    def _kept_in(self) -> str:
        files = [str(one) for one in (self.unread_file, self.rejected_file) if one is not None]
        return f"kept in {' and '.join(files)}"


def _table(title: str, counts: Counter[str], *, caption: str | None = None) -> Table:
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left", show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right")
    for name, count in counts.most_common():
        table.add_row(escape(_writable(name)), str(count))
    return table


def _writable(name: str) -> str:
    """A foreign field's name may hold halves of characters, which no terminal takes."""
    return name.encode("utf-8", "replace").decode()
