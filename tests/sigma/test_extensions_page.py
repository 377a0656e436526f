"""The page for those who write rules: every example on it is a rule that loads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.monitoring.sigma.extensions import OF_CORRELATIONS, OF_SELECTIONS
from services.monitoring.sigma.loading import load

PAGE = (Path(__file__).parents[2] / "docs" / "sigma-extensions.md").read_text(encoding="utf-8")
EXAMPLES = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)]


def base(name: str) -> dict[str, Any]:
    return {
        "title": name,
        "name": name,
        "logsource": {"product": "test"},
        "detection": {"s": {"k": 1}, "condition": "s"},
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: ",".join(one["nuxari"]))
def test_an_example_loads(example):
    names = example.get("correlation", {}).get("rules", ())
    last = {"title": "x", "name": "x", **example} if names else {**base("x"), **example}

    rules = load({"page.yml": yaml.safe_dump_all([*map(base, names), last])})

    assert "x" in {*rules.selections, *(one.head.id for one in rules.correlations)}


@pytest.mark.parametrize("key", sorted(OF_CORRELATIONS | OF_SELECTIONS))
def test_a_key_is_described(key):
    assert f"`{key}" in PAGE
