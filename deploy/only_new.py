"""Print the entries of the second lock file that the first has not: each file is then installed on top of the first."""

from __future__ import annotations

import sys
from pathlib import Path


def entries(path: str) -> dict[str, str]:
    """Return the entries of a lock file by the line that names and pins the package."""
    found: dict[str, str] = {}
    name = ""
    for line in Path(path).read_text().splitlines(keepends=True):
        if not line[0].isspace():
            name = line.split("\\")[0].strip()
        found[name] = found.get(name, "") + line
    return found


known, new = (entries(path) for path in sys.argv[1:3])
sys.stdout.write("".join(text for name, text in new.items() if name not in known))
