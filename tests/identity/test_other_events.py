"""What pim says that does not concern who holds a role changes nothing here."""

from __future__ import annotations

import pytest
from nuxari_events.pim import ActivationEnded, RoleActivated
from nuxari_events.roles import Role
from nuxari_events.topics import PIM_LIFECYCLE, event_type

from tests.identity.stage import Stage
from tests.schemas.golden import golden_event_about

CONCERNS = {event_type(cls) for cls in (RoleActivated, ActivationEnded)}


@pytest.mark.parametrize("other", sorted(PIM_LIFECYCLE.event_types - CONCERNS))
async def test_another_event_of_pim_changes_nothing(stage: Stage, other: str) -> None:
    ada = await stage.a_person("ada", Role.REQUESTER)
    before = await stage.announced()

    await stage.follows(golden_event_about(other, ada.user_id, tenantid=stage.tenant))

    assert await stage.announced() == before
