"""A leaver, through all four services, as the README tells it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.journey.system import System

LEAVER = Path(__file__).parents[2] / "examples" / "leaver.py"


def test_all_that_a_leaver_had_ends_at_once_and_its_use_raises_an_alert_that_names_the_evidence(system: System):
    tenant = system.new_tenant(owner_email="olga@acme.example")

    seen = json.loads(system.run([sys.executable, str(LEAVER), "--json"], given=json.dumps(tenant)))

    assert set(seen["void_after_seconds"]) == {"identity", "pim", "credential_governance", "monitoring"}
    assert max(seen["void_after_seconds"].values()) < 1
    assert seen["activation"] == "user_deactivated"
    assert seen["credential_orphaned"] is True
    assert seen["alert"]["rule"]["number"] == 33
    roles = [one["role"] for one in seen["alert"]["evidence"]]
    assert "credential_lost_its_owner" in roles
    assert roles[-1] == "credential_presented"
