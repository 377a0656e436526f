"""One correlation over three rules of single events, which match by `kind`."""

from __future__ import annotations

from typing import Any

import pytest

from services.monitoring.domain.findings import Finding
from services.monitoring.sigma.loading import RulesError, load
from tests.sigma.running import findings

BASE = """
title: rule a
id: 0e95725d-7320-415d-80f7-00000000000a
name: a
logsource: {product: test}
detection: {s: {kind: a}, condition: s}
level: low
---
title: rule b
name: b
logsource: {product: test}
detection: {s: {kind: b}, condition: s}
level: medium
---
title: rule c
name: c
logsource: {product: test}
detection: {s: {kind: c}, condition: s}
"""


def rules(correlation: str, *, more: str = "") -> str:
    return f"{BASE}---\ntitle: correlated\nname: correlated\ncorrelation: {correlation}\n{more}"


def at(second: float, kind: str = "a", **fields: Any) -> dict[str, Any]:
    return {"time": second, "kind": kind, "user": "u", **fields}


def of(found: list[Finding], rule: str = "correlated") -> list[Finding]:
    return [one for one in found if one.head.id == rule]


def values(correlation: str, events: list[dict[str, Any]]) -> list[float]:
    return [one.value for one in of(findings(rules(correlation), events))]


def refused(correlation: str, *, more: str = "") -> str:
    with pytest.raises(RulesError) as error:
        load({"rules.yml": rules(correlation, more=more)})
    return str(error.value)
