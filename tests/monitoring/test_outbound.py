"""Alerts leave by webhook and notification: what is committed is sent, signed, at least once, to whoever wants it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
import pytest_asyncio
from nuxari_events.roles import Role
from standardwebhooks import WebhookVerificationError

from services.monitoring.domain.model import Closed, Updated
from services.monitoring.domain.outbound import GIVEN_UP_AFTER, RETRIES
from services.monitoring.sending.dispatch import Dispatch
from services.monitoring.store.outbound_queue import TAKEN_FOR
from tests.every_service import Standing
from tests.monitoring.desk import HOUR, standing_monitoring
from tests.monitoring.desk import Desk as AnyDesk
from tests.monitoring.receiver import HANGS, Receiver, receiving
from tests.waiting import until
from tests.web.stage import problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY = timedelta(days=1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Standing]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUXARI_OUTBOUND_PRIVATE_NETWORKS", "127.0.0.0/8")
        patch.setenv("NUXARI_NOTIFICATION_SERVICES", "json")
        patch.setenv("NUXARI_ALERT_LINK", "https://console.example/alerts/{alert_id}")
        async with standing_monitoring(postgres, tmp_path_factory.mktemp("monitoring")) as made:
            yield made


class Desk(AnyDesk):
    """A tenant whose rows can be looked at as a superuser sees them."""

    def __init__(self, service: Standing, postgres: str) -> None:
        super().__init__(service)
        self.postgres = postgres
        database = urlsplit(service.parts.database._dsn).path
        self.admin = urlsplit(postgres)._replace(path=database).geturl()

    async def rows(self, query: str, *args: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.admin)
        try:
            return await connection.fetch(query, *args)  # type: ignore[no-any-return]
        finally:
            await connection.close()


@pytest_asyncio.fixture(loop_scope="module")
async def desk(service: Standing, postgres: str) -> AsyncIterator[Desk]:
    """One that leaves nothing waiting for those after it."""
    made = Desk(service, postgres)
    yield made
    await made.rows("delete from outbound_target")


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


def dispatch(desk: Desk) -> Dispatch:
    return Dispatch(desk.service.parts.database, desk.service.clock, means(desk))


def means(desk: Desk) -> Any:
    return desk.service.parts.background["sending alerts"].__self__._means  # type: ignore[attr-defined]


async def sent(desk: Desk, *, after: timedelta = timedelta()) -> int:
    """Send all that is due then; return how many tries that took."""
    desk.service.clock.advance(after)
    sender, tries = dispatch(desk), 0
    while await sender.send_next():
        tries += 1
    return tries


async def webhook(desk: Desk, receiver: Receiver, **more: Any) -> dict[str, Any]:
    return await created(desk, "/webhooks", name="SOAR", url=receiver.url, **more)


async def created(desk: Desk, path: str, **body: Any) -> dict[str, Any]:
    answer = await desk.ask("POST", path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def deliveries(desk: Desk, target: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    found = await desk.get(f"/webhooks/{target['target_id']}/deliveries", **query)
    return found["items"]  # type: ignore[no-any-return]


async def tries(desk: Desk, target: dict[str, Any]) -> list[tuple[str, int | None]]:
    """How each try of the newest delivery ended."""
    newest = (await deliveries(desk, target))[0]["delivery_id"]
    found = await desk.get(f"/webhooks/{target['target_id']}/deliveries/{newest}")
    return [(one["outcome"], one["status"]) for one in found["tries"]]


async def seen(desk: Desk, target: dict[str, Any]) -> dict[str, Any]:
    return await desk.get(f"/webhooks/{target['target_id']}")


# --- what is sent


async def test_an_alert_is_posted_and_its_signature_is_what_the_library_verifies(
    desk: Desk, receiver: Receiver
) -> None:
    made = await webhook(desk, receiver)
    told_at = desk.now
    await desk.says(desk.alert("a"))

    await sent(desk)

    (raised, opened) = receiver.received
    said = raised.verified_by(made["secret"])
    assert (said["type"], said["subject"], said["tenantid"]) == ("nuxari.security.alert_raised.v1", "a", desk.tenant)
    assert said["data"]["rule"]["id"] == "brute_force"
    assert datetime.fromisoformat(said["timestamp"]) == datetime.fromisoformat(said["time"]) == told_at
    assert (raised.id, raised.headers["content-type"]) == (said["id"], "application/json")
    assert opened.verified_by(made["secret"])["type"] == "nuxari.security.incident_opened.v1"


async def test_another_secret_does_not_verify_it(desk: Desk, receiver: Receiver) -> None:
    await webhook(desk, receiver)
    another = await webhook(desk, receiver, types=["alert_closed"])
    await desk.says(desk.alert("a"))

    await sent(desk)

    with pytest.raises(WebhookVerificationError):
        receiver.received[0].verified_by(another["secret"])


async def test_the_whole_life_of_an_alert_is_posted_in_order(desk: Desk, receiver: Receiver) -> None:
    await webhook(desk, receiver, types=["alert_raised", "alert_updated", "alert_triaged", "alert_closed"])
    await desk.says(desk.alert("a"))
    await desk.says(Updated(desk.alert("a", value=12.0)))
    await desk.triage("a", "acknowledged")
    await desk.says(Closed(desk.alert("a", value=12.0), "quiet"))

    await sent(desk)

    assert receiver.types == ["alert_raised", "alert_updated", "alert_triaged", "alert_closed"]
    assert receiver.most_at_once == 1


async def test_a_target_gets_what_it_wants_and_nothing_else(desk: Desk, receiver: Receiver) -> None:
    async with receiving() as grave, receiving() as others:
        await webhook(desk, grave, least_severity="high", types=["alert_raised"])
        await webhook(desk, others, rules=["password_spraying"], types=["alert_raised", "alert_updated"])
        await desk.says(desk.alert("a"), desk.alert("b", severity="critical"))
        await desk.says(desk.alert("c", severity="low", rule_id="password_spraying"))

        await sent(desk)

        assert [one.event["subject"] for one in grave.received] == ["b"]
        assert [one.event["subject"] for one in others.received] == ["c"]


async def test_a_webhook_can_have_findings_in_the_words_of_ocsf(desk: Desk, receiver: Receiver) -> None:
    made = await webhook(desk, receiver, types=["detection_finding_reported"])
    await desk.says(desk.alert("a"))
    await desk.triage("a", "resolved", verdict="benign", reason="a drill")

    await sent(desk)

    findings = [one.verified_by(made["secret"])["data"] for one in receiver.received]
    assert [(one["class_uid"], one["activity_name"], one["status"]) for one in findings] == [
        (2004, "Create", "New"),
        (2004, "Close", "Resolved"),
    ]
    assert (findings[1]["verdict"], findings[1]["finding_info"]["uid"]) == ("Benign", "a")


async def test_what_is_rolled_back_is_not_sent(desk: Desk, receiver: Receiver) -> None:
    made = await webhook(desk, receiver)
    with pytest.raises(RuntimeError, match="lost"):
        await _announce_and_fail(desk, "a")

    assert await sent(desk) == 0
    assert await deliveries(desk, made) == []


async def test_a_shadow_alert_is_sent_nowhere(desk: Desk, receiver: Receiver) -> None:
    await webhook(desk, receiver)
    await desk.says(desk.alert("a", mode="shadow"))

    assert await sent(desk) == 0


async def test_every_announcement_is_a_finding_on_kafka_too(desk: Desk) -> None:
    await desk.says(desk.alert("a"))
    await desk.triage("a", "in_progress")

    rows = await desk.rows(
        "select payload, headers, message_key from outbox where aggregatetype = 'security.findings.ocsf'"
        " and tenant_id = $1 order by id",
        desk.tenant,
    )

    findings = [json.loads(row["payload"]) for row in rows]
    assert [(one["activity_name"], one["status"]) for one in findings] == [
        ("Create", "New"),
        ("Update", "In Progress"),
    ]
    assert {row["message_key"] for row in rows} == {desk.tenant}
    assert json.loads(rows[0]["headers"])["content-type"] == "application/json"


# --- what fails


async def test_what_is_refused_is_tried_again_later_and_later_under_the_same_id(desk: Desk, receiver: Receiver) -> None:
    made = await webhook(desk, receiver, types=["alert_raised"])
    receiver.answers.extend([500, 503, 200])
    await desk.says(desk.alert("a"))

    assert await sent(desk) == 1
    assert await sent(desk, after=timedelta(seconds=1)) == 0
    assert await sent(desk, after=RETRIES[0] * 1.2) == 1
    assert await sent(desk, after=RETRIES[0] * 1.2) == 0
    assert await sent(desk, after=RETRIES[1] * 1.2) == 1

    assert len({one.id for one in receiver.received}) == 1
    assert len({one.headers["webhook-timestamp"] for one in receiver.received}) == 3
    assert all(one.verified_by(made["secret"]) for one in receiver.received)
    assert await tries(desk, made) == [("refused", 500), ("refused", 503), ("delivered", 200)]
    assert (await seen(desk, made))["failures"] == 0


async def test_one_that_hangs_counts_as_failed(desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    made = await webhook(desk, receiver, types=["alert_raised"])
    monkeypatch.setattr(means(desk).webhooks, "_within", timedelta(seconds=0.2))
    receiver.answers.append(HANGS)
    await desk.says(desk.alert("a"))

    await sent(desk)
    await sent(desk, after=RETRIES[0] * 1.2)

    assert await tries(desk, made) == [("timed_out", None), ("delivered", 200)]


async def test_after_the_last_try_it_is_a_dead_letter_which_can_be_sent_again(desk: Desk, receiver: Receiver) -> None:
    made = await webhook(desk, receiver, types=["alert_raised"])
    receiver.answers.extend([500] * 10)
    await desk.says(desk.alert("a"))
    for wait in (timedelta(), *RETRIES):
        assert await sent(desk, after=wait * 1.2) == 1
    (dead,) = await deliveries(desk, made, state="dead")

    assert await sent(desk, after=30 * HOUR) == 0
    answer = await desk.ask("POST", f"/webhooks/{made['target_id']}/deliveries/{dead['delivery_id']}/replay")
    await sent(desk)

    assert (dead["tries"], dead["next_try_at"], answer.json()) == (10, None, {"replayed": 1})
    assert len(receiver.received) == 11
    assert len({one.id for one in receiver.received}) == 1
    assert [one["state"] for one in await deliveries(desk, made)] == ["delivered"]
    assert len(await tries(desk, made)) == 11


async def test_all_dead_letters_of_a_target_can_be_sent_again_at_once(desk: Desk, receiver: Receiver) -> None:
    made = await webhook(desk, receiver, types=["alert_raised"])
    receiver.answers.extend([500] * 20)
    await desk.says(desk.alert("a"), desk.alert("b"))
    for _ in range(230):
        await sent(desk, after=HOUR / 2)
    assert len(await deliveries(desk, made, state="dead")) == 2

    answer = await desk.ask("POST", f"/webhooks/{made['target_id']}/replay")
    await sent(desk)

    assert answer.json() == {"replayed": 2}
    assert {one["state"] for one in await deliveries(desk, made)} == {"delivered"}


async def test_one_that_is_waiting_cannot_be_sent_again(desk: Desk, receiver: Receiver) -> None:
    made = await webhook(desk, receiver, types=["alert_raised"])
    await desk.says(desk.alert("a"))
    (waiting,) = await deliveries(desk, made)

    answer = await desk.ask("POST", f"/webhooks/{made['target_id']}/deliveries/{waiting['delivery_id']}/replay")

    problem(answer, 409, "nothing-to-replay")


async def test_a_failing_target_rests_and_others_do_not_wait_for_it(desk: Desk, receiver: Receiver) -> None:
    async with receiving() as failing:
        failing.answers.extend([500] * 9)
        await webhook(desk, failing, types=["alert_raised"])
        await webhook(desk, receiver, types=["alert_raised"])
        await desk.says(*(desk.alert(name) for name in "abc"))

        await sent(desk)

        assert len(failing.received) == 1
        assert len(receiver.received) == 3


async def test_one_that_is_gone_is_disabled_announced_and_audited(desk: Desk, receiver: Receiver) -> None:
    made = await webhook(desk, receiver, types=["alert_raised"])
    receiver.answers.append(410)
    await desk.says(desk.alert("a"), desk.alert("b"))

    await sent(desk)

    now = await seen(desk, made)
    assert (now["enabled"], now["disabled_reason"], len(receiver.received)) == (False, "gone", 1)
    assert await _disabled_announced(desk) == [(made["target_id"], "gone")]
    assert ("monitoring.webhook.disable", made["target_id"]) in await _audited(desk)
    assert [one["state"] for one in await deliveries(desk, made)] == ["waiting", "dead"]


async def test_one_at_which_nothing_arrives_for_days_is_disabled(desk: Desk, receiver: Receiver) -> None:
    made = await webhook(desk, receiver, types=["alert_raised"])
    receiver.answers.extend([500] * 40)
    await desk.says(desk.alert("a"))
    await sent(desk)
    await desk.says(desk.alert("b"))
    await sent(desk, after=GIVEN_UP_AFTER - HOUR)
    assert (await seen(desk, made))["enabled"]

    await desk.says(desk.alert("c"))
    await sent(desk, after=2 * HOUR)

    now = await seen(desk, made)
    assert (now["enabled"], now["disabled_reason"]) == (False, "failing")
    assert await _disabled_announced(desk) == [(made["target_id"], "failing")]


async def test_enabled_again_a_target_gets_what_has_waited_and_not_what_came_meanwhile(
    desk: Desk, receiver: Receiver
) -> None:
    made = await webhook(desk, receiver, types=["alert_raised"])
    await desk.says(desk.alert("a"))
    await desk.ask("PATCH", f"/webhooks/{made['target_id']}", json={"enabled": False})
    await desk.says(desk.alert("b"))
    assert await sent(desk) <= 1
    assert receiver.received == []

    answer = await desk.ask("PATCH", f"/webhooks/{made['target_id']}", json={"enabled": True})
    await sent(desk)

    assert answer.json()["enabled"]
    assert [one.event["subject"] for one in receiver.received] == ["a"]


# --- crashes and races


async def test_a_crash_between_sending_and_keeping_it_sends_once_more_under_the_same_id(
    desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await webhook(desk, receiver, types=["alert_raised"])
    await desk.says(desk.alert("a"))
    crashing = dispatch(desk)

    async def die(*args: Any, **more: Any) -> None:
        raise SystemError("killed")

    monkeypatch.setattr(crashing, "_keep", die)
    with pytest.raises(SystemError):
        await crashing.send_next()

    assert await sent(desk) == 0
    assert await sent(desk, after=TAKEN_FOR) == 1
    first, second = receiver.received
    assert (first.id, first.event) == (second.id, second.event)
    assert await tries(desk, made) == [("delivered", 200)]


async def test_many_senders_send_each_message_once_and_to_one_target_one_at_a_time(
    desk: Desk, receiver: Receiver
) -> None:
    await webhook(desk, receiver, types=["alert_raised"])
    names = [f"n{number}" for number in range(12)]
    await desk.says(*(desk.alert(name) for name in names))

    await asyncio.gather(*(_until_idle(dispatch(desk)) for _ in range(6)))
    await sent(desk)

    assert sorted(one.event["subject"] for one in receiver.received) == sorted(names)
    assert receiver.most_at_once == 1


async def test_an_alert_that_comes_while_the_last_one_is_being_sent_is_not_forgotten(
    desk: Desk, receiver: Receiver
) -> None:
    await webhook(desk, receiver, types=["alert_raised"])
    await desk.says(desk.alert("a"))
    sender = dispatch(desk)
    _, taken = await sender._take()
    assert taken is not None
    answer = await sender._sent(taken)
    async with _transaction(desk) as late:
        await _announce(late, desk, "b")
        keeping = asyncio.create_task(sender._keep(taken, answer, took=timedelta()))
        await asyncio.sleep(0)
    await keeping

    await sent(desk)

    assert [one.event["subject"] for one in receiver.received] == ["a", "b"]


async def test_a_target_that_is_removed_while_something_is_sent_there_leaves_nothing_behind(
    desk: Desk, receiver: Receiver
) -> None:
    made = await webhook(desk, receiver, types=["alert_raised"])
    await desk.says(desk.alert("a"))
    sender = dispatch(desk)
    _, taken = await sender._take()
    assert taken is not None

    answer = await desk.ask("DELETE", f"/webhooks/{made['target_id']}")
    await sender._keep(taken, await sender._sent(taken), took=timedelta())

    assert answer.status_code == 204
    assert await sent(desk) == 0
    for table in ("outbound_target", "outbound_delivery", "outbound_try", "outbound_due"):
        assert await desk.rows(f"select from {table} where tenant_id = $1", desk.tenant) == []


async def test_the_loop_sends_by_itself_and_stops_when_told_to(desk: Desk, receiver: Receiver) -> None:
    await webhook(desk, receiver, types=["alert_raised"])
    await desk.says(desk.alert("a"))

    loop = asyncio.create_task(dispatch(desk).run())
    await until(lambda: bool(receiver.received), within=timedelta(seconds=20), what="the alert is sent")
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)

    assert receiver.types == ["alert_raised"]


# --- secrets


async def test_after_a_rotation_both_secrets_verify_for_a_day_and_then_the_new_one_alone(
    desk: Desk, receiver: Receiver
) -> None:
    made = await webhook(desk, receiver, types=["alert_raised"])
    rotated = (await desk.ask("POST", f"/webhooks/{made['target_id']}/secret")).json()
    await desk.says(desk.alert("a"))
    await sent(desk)
    await desk.says(desk.alert("b"))
    await sent(desk, after=DAY)

    overlapping, later = receiver.received
    assert rotated["secret"] != made["secret"]
    assert overlapping.verified_by(made["secret"]) == overlapping.verified_by(rotated["secret"])
    assert later.verified_by(rotated["secret"])
    with pytest.raises(WebhookVerificationError):
        later.verified_by(made["secret"])


async def test_a_secret_is_shown_once_and_lies_nowhere_in_the_database(
    desk: Desk, receiver: Receiver, service: Standing
) -> None:
    token = "T0P5ECRETPATH"
    made = await created(desk, "/webhooks", name="SOAR", url=f"{receiver.url}/{token}?key={token}")
    await desk.ask("POST", f"/webhooks/{made['target_id']}/secret")
    await desk.says(desk.alert("a"))
    await sent(desk)

    shown = json.dumps([await seen(desk, made), await desk.get("/webhooks"), await deliveries(desk, made)])
    assert made["secret"].startswith("whsec_")
    assert "whsec_" not in shown
    assert token not in shown
    rows = await desk.rows("select to_jsonb(t)::text as row from outbound_target t where tenant_id = $1", desk.tenant)
    rows += await desk.rows("select to_jsonb(a)::text as row from audit_event a where tenant_id = $1", desk.tenant)
    kept = " ".join(row["row"] for row in rows)
    assert token not in kept
    assert made["secret"].removeprefix("whsec_") not in kept


async def test_an_answer_with_a_secret_is_not_repeated(desk: Desk, receiver: Receiver) -> None:
    body = {"name": "SOAR", "url": receiver.url}
    key = {"Idempotency-Key": "one"}

    first = await desk.ask("POST", "/webhooks", json=body, headers=key)
    again = await desk.ask("POST", "/webhooks", json=body, headers=key)

    assert first.status_code == 201
    problem(again, 409, "answer-not-repeated")
    assert len((await desk.get("/webhooks"))["items"]) == 1


async def test_what_was_sealed_under_another_key_is_not_sent_and_not_tried_for_ever(
    desk: Desk, receiver: Receiver
) -> None:
    made = await webhook(desk, receiver, types=["alert_raised"])
    await _execute(desk, "update outbound_target set address = '\\x00' where tenant_id = $1", desk.tenant)
    await desk.says(desk.alert("a"))

    assert await sent(desk) == 1

    assert await tries(desk, made) == [("failed", None)]
    assert receiver.received == []


# --- who may do what


@pytest.mark.parametrize("path", ["/webhooks", "/notification-targets"])
async def test_setting_where_alerts_go_takes_a_security_admin_with_a_second_factor_shown_just_now(
    desk: Desk, receiver: Receiver, path: str
) -> None:
    body = {"name": "SOAR", "url": receiver.url}

    auditor = await desk.ask("POST", path, roles=(Role.CLIENT_COMPLIANCE_AUDITOR,), json=body)
    stale = await _with_stale_mfa(desk, path, body)

    problem(auditor, 403, "permission-denied")
    problem(stale, 403, "mfa-required")
    assert await desk.get(path) == {"items": []}


async def test_another_tenant_neither_sees_nor_touches_nor_gets_anything(desk: Desk, receiver: Receiver) -> None:
    made = await webhook(desk, receiver)
    another = Desk(desk.service, desk.postgres)
    where = f"/webhooks/{made['target_id']}"
    await another.says(another.alert("theirs"))
    await sent(desk)

    answers = [
        await another.ask("GET", where),
        await another.ask("PATCH", where, json={"name": "mine"}),
        await another.ask("POST", f"{where}/secret"),
        await another.ask("POST", f"{where}/test"),
        await another.ask("POST", f"{where}/replay"),
        await another.ask("GET", f"{where}/deliveries"),
        await another.ask("DELETE", where),
    ]

    for answer in answers:
        problem(answer, 404, "not-found")
    assert await another.get("/webhooks") == {"items": []}
    assert receiver.received == []
    assert (await seen(desk, made))["name"] == "SOAR"


async def test_a_webhook_is_no_notification_target_and_the_other_way_round(desk: Desk, receiver: Receiver) -> None:
    made = await webhook(desk, receiver)

    problem(await desk.ask("GET", f"/notification-targets/{made['target_id']}"), 404, "not-found")
    problem(await desk.ask("DELETE", f"/notification-targets/{made['target_id']}"), 404, "not-found")


async def test_everything_that_is_set_is_audited(desk: Desk, receiver: Receiver) -> None:
    made = await webhook(desk, receiver)
    where = f"/webhooks/{made['target_id']}"
    await desk.ask("PATCH", where, json={"name": "SIEM", "least_severity": "high"})
    await desk.ask("POST", f"{where}/secret")
    await desk.ask("POST", f"{where}/test")
    await desk.ask("POST", f"{where}/replay")
    await desk.ask("DELETE", where)

    assert [action for action, target in await _audited(desk) if target == made["target_id"]] == [
        f"monitoring.webhook.{what}" for what in ("register", "change", "rotate", "test", "replay", "remove")
    ]


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "https://169.254.169.254/latest", "https://[::1]/", "nonsense"])
async def test_an_address_that_may_not_be_reached_is_refused_when_it_is_set_and_when_it_is_changed(
    desk: Desk, receiver: Receiver, url: str
) -> None:
    made = await webhook(desk, receiver)

    new = await desk.ask("POST", "/webhooks", json={"name": "x", "url": url})
    changed = await desk.ask("PATCH", f"/webhooks/{made['target_id']}", json={"url": url})

    problem(new, 422, "address-not-allowed")
    problem(changed, 422, "address-not-allowed")


async def test_there_are_twenty_webhooks_at_most_also_when_many_are_made_at_once(
    desk: Desk, receiver: Receiver
) -> None:
    answers = await asyncio.gather(
        *(desk.ask("POST", "/webhooks", json={"name": f"n{n}", "url": receiver.url}) for n in range(24))
    )

    assert sorted(answer.status_code for answer in answers) == [201] * 20 + [409] * 4


# --- trying out, looking back


async def test_a_webhook_can_be_tried_out(desk: Desk, receiver: Receiver) -> None:
    made = await webhook(desk, receiver, types=["alert_closed"], least_severity="critical")

    answer = await desk.ask("POST", f"/webhooks/{made['target_id']}/test")
    await sent(desk)

    said = receiver.received[0].verified_by(made["secret"])
    assert (answer.status_code, answer.json()["message_id"]) == (202, said["id"])
    assert said["type"] == "nuxari.security.delivery_tested.v1"


async def test_a_disabled_webhook_is_not_tried_out(desk: Desk, receiver: Receiver) -> None:
    made = await webhook(desk, receiver)
    await desk.ask("PATCH", f"/webhooks/{made['target_id']}", json={"enabled": False})

    problem(await desk.ask("POST", f"/webhooks/{made['target_id']}/test"), 409, "target-disabled")


async def test_what_was_sent_is_listed_page_by_page_newest_first(desk: Desk, receiver: Receiver) -> None:
    made = await webhook(desk, receiver, types=["alert_raised"])
    for name in "abc":
        await desk.says(desk.alert(name))
    await sent(desk)

    where = f"/webhooks/{made['target_id']}/deliveries"
    first = await desk.get(where, limit=2)
    second = await desk.get(where, limit=2, cursor=first["next"])

    assert [one["subject"] for one in first["items"] + second["items"]] == ["c", "b", "a"]
    assert second["next"] is None
    assert first["items"][0]["state"] == "delivered"


async def test_what_is_older_than_a_month_is_forgotten(desk: Desk, receiver: Receiver) -> None:
    made = await webhook(desk, receiver, types=["alert_raised"])
    await desk.says(desk.alert("a"))
    await sent(desk)
    desk.service.clock.advance(31 * DAY)
    await desk.says(desk.alert("b", first=31 * 86400))

    assert [one["subject"] for one in await deliveries(desk, made)] == ["b"]


# --- notifications


async def test_people_are_told_in_their_words_with_a_link(desk: Desk, receiver: Receiver) -> None:
    address = f"json://127.0.0.1:{receiver.port}/notices"
    made = await created(desk, "/notification-targets", name="Night shift", url=address, types=["alert_raised"])
    await desk.says(desk.alert("a", severity="high"), desk.alert("b", severity="low"))

    await sent(desk)

    (notice,) = [one.event for one in receiver.received]
    assert made["url"] == "json://…"
    assert notice["title"] == "[HIGH] Brute force against a single account"
    assert notice["message"].splitlines() == ["10 failed sign-ins, a", "https://console.example/alerts/a"]


async def test_notifications_are_spaced_so_that_no_service_is_flooded(desk: Desk, receiver: Receiver) -> None:
    address = f"json://127.0.0.1:{receiver.port}/notices"
    await created(desk, "/notification-targets", name="Night shift", url=address, types=["alert_raised"])
    await desk.says(*(desk.alert(name) for name in "abc"))

    assert await sent(desk) == 1
    assert await sent(desk, after=timedelta(seconds=1)) == 0
    assert await sent(desk, after=timedelta(seconds=3)) == 1
    assert await sent(desk, after=timedelta(seconds=3)) == 1


async def test_a_notification_that_failed_is_tried_again(desk: Desk, receiver: Receiver) -> None:
    receiver.answers.append(500)
    address = f"json://127.0.0.1:{receiver.port}/notices"
    made = await created(desk, "/notification-targets", name="Night shift", url=address)
    answer = await desk.ask("POST", f"/notification-targets/{made['target_id']}/test")

    await sent(desk)
    await sent(desk, after=RETRIES[0] * 1.2)

    assert answer.status_code == 202
    assert len(receiver.received) == 2
    found = await desk.get(f"/notification-targets/{made['target_id']}/deliveries")
    assert [(one["state"], one["tries"]) for one in found["items"]] == [("delivered", 2)]


async def test_a_service_that_is_not_allowed_is_refused(desk: Desk) -> None:
    for url in ("file:///etc/passwd", "mailtos://a:b@example.com", "json://10.0.0.1/"):
        answer = await desk.ask("POST", "/notification-targets", json={"name": "x", "url": url})
        problem(answer, 422, "address-not-allowed")


# --- help


@asynccontextmanager
async def _transaction(desk: Desk) -> AsyncIterator[Any]:
    async with desk.service.parts.database.transaction() as transaction:
        yield transaction


async def _announce(transaction: Any, desk: Desk, name: str) -> None:
    from services.monitoring.domain.model import Raised
    from services.monitoring.service.announcing import announce_all

    await announce_all(transaction, [Raised(desk.alert(name))], at=desk.now)


async def _announce_and_fail(desk: Desk, name: str) -> None:
    async with _transaction(desk) as transaction:
        await _announce(transaction, desk, name)
        raise RuntimeError("lost")


async def _until_idle(sender: Dispatch) -> None:
    while await sender.send_next():
        pass


async def _with_stale_mfa(desk: Desk, path: str, body: dict[str, Any]) -> httpx.Response:
    headers = desk.service.authorization(
        Role.CLIENT_SECURITY_ADMIN, tenant_id=desk.tenant, user_id="sam", mfa=timedelta(hours=1)
    )
    return await desk.client.post(f"/v1/tenants/{desk.tenant}{path}", headers=headers, json=body)


async def _execute(desk: Desk, query: str, *args: object) -> None:
    async with desk.service.parts.database.transaction(desk.tenant) as transaction:
        await transaction.execute(query, *args)


async def _audited(desk: Desk) -> list[tuple[str, str]]:
    found = await desk.get("/monitoring/audit", limit=200)
    return [(one["action"], one["target"]) for one in reversed(found["items"])]


async def _disabled_announced(desk: Desk) -> list[tuple[str, str]]:
    rows = await desk.rows(
        "select payload from outbox where type = 'nuxari.monitoring.delivery_target_disabled.v1' and tenant_id = $1",
        desk.tenant,
    )
    found = [json.loads(row["payload"]) for row in rows]
    return [(one["subject"], one["data"]["reason"]) for one in found]
