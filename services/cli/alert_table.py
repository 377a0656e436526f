"""A table of alerts that grows: after this, a row is printed the moment its alert comes and never moves again."""

from __future__ import annotations

from nuxari_events.alerts import AlertClosed, AlertRaised, AlertUpdated, Severity
from nuxari_events.envelope import Event
from rich.console import Console
from rich.table import Table
from rich.text import Text

SEVERITY_STYLES = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
    Severity.INFORMATIONAL: "dim",
}

_COLUMNS = (("time", 19), ("severity", 13), ("no.", 3), ("what", 7), ("tenant", 20))
"""Fixed widths, so that rows printed one by one stand under each other; the summary takes the rest."""


_WIDE = 120
"""Columns of a terminal that has room for the summary in the row; in a narrower one it stands below."""


class AlertTable:
    """Prints alerts as rows under one heading."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._has_heading = False

    def add(self, event: Event) -> None:
        """Print one announcement; an event that announces no alert is left aside."""
        if isinstance(event, AlertRaised | AlertUpdated | AlertClosed):
            self._print(*_cells(event), Text(event.data.summary))
            self._has_heading = True

    def _print(self, *cells: Text) -> None:
        is_wide = self._console.width >= _WIDE
        table = _one_row(heading=not self._has_heading, with_summary=is_wide)
        table.add_row(*(cells if is_wide else cells[:-1]))
        self._console.print(table)
        if not is_wide:
            self._console.print(Text("  ").append_text(cells[-1]), soft_wrap=True)


def _one_row(*, heading: bool, with_summary: bool) -> Table:
    table = Table(box=None, show_header=heading, pad_edge=False, expand=with_summary)
    for name, width in _COLUMNS:
        table.add_column(name, width=width, overflow="fold")
    if with_summary:
        table.add_column("summary", ratio=1, overflow="fold")
    return table


def _cells(event: AlertRaised | AlertUpdated | AlertClosed) -> tuple[Text, ...]:
    """Text is never read as markup: a user id may hold brackets."""
    alert = event.data
    return (
        Text(alert.last_seen.strftime("%Y-%m-%d %H:%M:%S")),
        Text(alert.severity, style=SEVERITY_STYLES[alert.severity]),
        Text(str(alert.rule.number)),
        Text(_what(event)),
        Text(event.tenantid),
    )


def _what(event: AlertRaised | AlertUpdated | AlertClosed) -> str:
    match event:
        case AlertRaised():
            return "raised"
        case AlertUpdated():
            return "updated"
        case AlertClosed():
            return "closed"
