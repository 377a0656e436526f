"""What identity says that does not concern pim changes nothing here."""

from __future__ import annotations

import pytest
from nuxari_events.identity import RoleAssigned, RoleRevoked, UserActivated, UserDeactivated, UserInvited
from nuxari_events.topics import IDENTITY_LIFECYCLE, event_type

from tests.pim.stage import Stage
from tests.schemas.golden import golden_event_about

CONCERNS = {event_type(cls) for cls in (RoleAssigned, RoleRevoked, UserActivated, UserDeactivated, UserInvited)}


@pytest.mark.parametrize("other", sorted(IDENTITY_LIFECYCLE.event_types - CONCERNS))
async def test_another_event_of_identity_changes_nothing(stage: Stage, other: str) -> None:
    eligibility = await stage.eligible()
    await stage.active(eligibility.eligibility_id)
    before = await stage.announced()

    await stage.learn(golden_event_about(other, "ada", tenantid="acme"))

    assert await stage.announced() == before
    assert "client_admin" in await stage.effective()
