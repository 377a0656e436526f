"""What a benchmark says: a number, what it was held against, and the command that makes it again."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")


class DisagreementError(Exception):
    """The two sides did not do the same work: a comparison of their speed would mean nothing."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One comparison."""

    name: str
    value: float
    unit: str
    against: float
    """The same, of what runs beside it."""
    against_what: str
    aim: str
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """How many times the other's."""
        return self.value / self.against

    def document(self) -> dict[str, Any]:
        """Return it as it is kept."""
        return {
            "name": self.name,
            "value": round(self.value, 1),
            "unit": self.unit,
            "against": round(self.against, 1),
            "against_what": self.against_what,
            "ratio": round(self.ratio, 2),
            "aim": self.aim,
            "command": f"python -m bench {self.name}",
            "details": self.details,
            "machine": {
                "cores": os.cpu_count(),
                "python": platform.python_version(),
                "system": f"{platform.system()} {platform.machine()}",
            },
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def keep(self) -> Path:
        """Write it to `bench/results/NAME.json`."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.name}.json"
        path.write_text(json.dumps(self.document(), indent=2) + "\n")
        return path


def agree(what: str, ours: object, theirs: object) -> None:
    """Refuse to compare two sides whose results differ.

    Raises:
        DisagreementError: they do.
    """
    if ours != theirs:
        raise DisagreementError(f"{what} differ: {ours!r} and {theirs!r}")
