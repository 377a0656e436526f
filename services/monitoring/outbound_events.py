"""What becomes of targets as events of `monitoring.lifecycle`."""

from __future__ import annotations

from datetime import datetime

from nuxari_events.ids import derived_id
from nuxari_events.monitoring import (
    DeliveryTargetData,
    DeliveryTargetDisabled,
    DeliveryTargetDisabledReason,
    DeliveryTargetKind,
)

from services.monitoring.domain.outbound import Kind
from services.monitoring.events import SOURCE


def disabled(
    target_id: str,
    *,
    kind: Kind,
    name: str,
    reason: str,
    failing_since: datetime | None,
    tenant_id: str,
    at: datetime,
) -> DeliveryTargetDisabled:
    """Return the announcement that nothing is sent to a target any more, `gone` or `failing`."""
    return DeliveryTargetDisabled(
        id=derived_id(target_id, "disabled", at.isoformat()),
        source=SOURCE,
        time=at,
        subject=target_id,
        tenantid=tenant_id,
        data=DeliveryTargetData(
            target_id=target_id,
            kind=DeliveryTargetKind(kind.value),
            name=name,
            reason=DeliveryTargetDisabledReason(reason),
            failing_since=failing_since,
        ),
    )
