"""What identity says that does not concern credentials changes nothing here."""

from __future__ import annotations

import pytest
from nuxari_events.identity import UserActivated, UserDeactivated, UserInvited
from nuxari_events.topics import IDENTITY_LIFECYCLE, event_type

from tests.credential_governance.stage import Stage
from tests.schemas.golden import golden_event_about

CONCERNS = {event_type(cls) for cls in (UserActivated, UserDeactivated, UserInvited)}


@pytest.mark.parametrize("other", sorted(IDENTITY_LIFECYCLE.event_types - CONCERNS))
async def test_another_event_of_identity_changes_nothing(stage: Stage, other: str) -> None:
    credential = await stage.registered()
    before = await stage.announced()

    await stage.takes(golden_event_about(other, "ada", tenantid="acme"))

    assert await stage.announced() == before
    assert await stage.has(credential.credential_id) == credential
