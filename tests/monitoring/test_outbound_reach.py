"""Where a tenant's addresses may lead: to the public, and to what the operator allows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_network

import pytest

from services.monitoring.domain.outbound import Notice, Outcome
from services.monitoring.sending.notifications import Notifications
from services.monitoring.sending.reach import ForbiddenAddressError, Reach, shown
from services.monitoring.sending.webhooks import Webhooks
from tests.monitoring.receiver import CUTS_OFF, HANGS, receiving

LOOPBACK = (ip_network("127.0.0.0/8"),)


def knowing(**hosts: Sequence[str]) -> Reach:
    """A resolver that knows these names, with dots as underscores."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        found = hosts.get(host.replace(".", "_"))
        if found is None:
            raise OSError("no such host")
        return found

    return Reach(resolve=resolve)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0.0.0.0",  # noqa: S104 - an address that must be refused
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::a00:1]",
        "[2002:a00:1::1]",
        "[2001:0:a00:1::1]",
        "[fe80::1]",
        "[fc00::1]",
        "[fec0::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "localhost",
    ],
)
async def test_an_address_that_is_not_public_is_refused_in_whatever_form_it_is_written(host: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        await Reach().check(f"https://{host}/hook")


async def test_a_name_that_leads_to_a_private_address_is_refused_even_if_it_leads_to_a_public_one_too() -> None:
    reach = knowing(
        inside_example=["10.0.0.7"], both_example=["93.184.216.34", "::1"], outside_example=["93.184.216.34"]
    )

    for host in ("inside.example", "both.example"):
        with pytest.raises(ForbiddenAddressError):
            await reach.check(f"https://{host}/hook")
    assert await reach.check("https://outside.example/hook") == "https://outside.example/hook"


async def test_a_name_that_is_not_known_yet_is_taken_and_judged_when_something_is_sent() -> None:
    assert await knowing().check("https://later.example/hook") == "https://later.example/hook"
    assert await Webhooks(knowing()).post("https://later.example/hook", body="{}", headers={}) == (
        Outcome.UNREACHABLE,
        None,
    )


async def test_a_name_is_resolved_once_for_a_request_so_that_a_second_answer_changes_nothing() -> None:
    answers = [["93.184.216.34"], ["127.0.0.1"]]

    async def resolve(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    async with receiving() as receiver:
        reach = Reach(resolve=resolve)
        await reach.check(f"https://rebinds.example:{receiver.port}/hook")
        answer = await Webhooks(reach).post(f"https://rebinds.example:{receiver.port}/hook", body="{}", headers={})

    assert answer.outcome is Outcome.FORBIDDEN
    assert receiver.received == []
    assert answers == []


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.216.34/hook",
        "http://example.com/hook",
        "ftp://93.184.216.34/hook",
        "file:///etc/passwd",
        "gopher://93.184.216.34/",
        "//93.184.216.34/hook",
        "https:///hook",
        "https://user:pass@93.184.216.34/hook",
        "https://93.184.216.34/hook#part",
        "https://93.184.216.34/a b",
        "https://93.184.216.34/\r\nX: y",
        "https://93.184.216.34:99999/",
        "https://[::1",
        "https://" + "a" * 2050,
        "",
    ],
)
async def test_a_url_that_is_no_plain_https_url_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        await Reach(resolve=knowing(example_com=["93.184.216.34"]).resolve).check(url)


async def test_the_operator_can_allow_a_network_and_plain_http_to_loopback_alone() -> None:
    reach = Reach(allowed=(*LOOPBACK, ip_network("10.2.0.0/16")))

    assert await reach.check("https://10.2.3.4/hook")
    assert await reach.check("http://127.0.0.1:8080/hook")
    for url in ("https://10.3.0.1/hook", "http://10.2.3.4/hook", "https://[::1]/hook"):
        with pytest.raises(ForbiddenAddressError):
            await reach.check(url)


def test_what_is_shown_of_a_url_ends_at_its_host() -> None:
    assert shown("https://hooks.example:8443/T0/B0/token?key=1") == "https://hooks.example:8443/…"
    assert shown("https://hooks.example") == "https://hooks.example/"


# --- how a message is posted


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (204, Outcome.DELIVERED),
        (302, Outcome.REFUSED),
        (400, Outcome.REFUSED),
        (410, Outcome.GONE),
        (429, Outcome.REFUSED),
        (500, Outcome.REFUSED),
        (503, Outcome.REFUSED),
    ],
)
async def test_only_a_status_of_2xx_is_a_delivery(answer: int, outcome: Outcome) -> None:
    async with receiving() as receiver:
        receiver.answers.append(answer)

        found = await Webhooks(Reach(allowed=LOOPBACK)).post(receiver.url, body='{"a":1}', headers={"x": "y"})

    assert found == (outcome, answer)
    assert [(one.method, one.path, one.body, one.headers["x"]) for one in receiver.received] == [
        ("POST", "/hook", b'{"a":1}', "y")
    ]


async def test_a_redirect_is_not_followed() -> None:
    async with receiving() as receiver, receiving() as elsewhere:
        receiver.answers.append((307, {"location": elsewhere.url}))

        found = await Webhooks(Reach(allowed=LOOPBACK)).post(receiver.url, body="{}", headers={})

    assert found == (Outcome.REFUSED, 307)
    assert elsewhere.received == []


async def test_one_that_does_not_answer_in_time_is_given_up() -> None:
    async with receiving() as receiver:
        receiver.answers.append(HANGS)

        sender = Webhooks(Reach(allowed=LOOPBACK), within=timedelta(seconds=0.2))
        found = await sender.post(receiver.url, body="{}", headers={})

    assert found == (Outcome.TIMED_OUT, None)


async def test_one_that_cuts_the_connection_off_or_is_not_there_is_unreachable() -> None:
    sender = Webhooks(Reach(allowed=LOOPBACK))
    async with receiving() as receiver:
        receiver.answers.append(CUTS_OFF)
        assert await sender.post(receiver.url, body="{}", headers={}) == (Outcome.UNREACHABLE, None)
        url = receiver.url

    assert await sender.post(url, body="{}", headers={}) == (Outcome.UNREACHABLE, None)


async def test_of_an_endless_answer_little_is_read() -> None:
    async with receiving() as receiver:
        receiver.padding = 50_000_000

        found = await Webhooks(Reach(allowed=LOOPBACK)).post(receiver.url, body="{}", headers={})

    assert found == (Outcome.DELIVERED, 200)


# --- notification services

NOTICE = Notice(title="[HIGH] Brute force", text="10 failed sign-ins", severity="high")


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "dbus://",
        "syslog://",
        "exec:///bin/sh",
        "windows://",
        "json://127.0.0.1/x",
        "jsons://example.com/x",
        "mailtos://user:pass@example.com",
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?template=/etc/passwd",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?verify=no",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?%74emplate=/etc/passwd",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?redirect=yes",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?+X-Header=y",
        "slack://nonsense",
        "slack:",
        "no address",
        "",
    ],
)
async def test_an_address_that_could_be_turned_against_this_machine_is_refused(address: str) -> None:
    with pytest.raises(ForbiddenAddressError) as refused:
        await Notifications(Reach()).check(address)

    assert "passwd" not in str(refused.value)
    assert "TIiajkdnlazkcOXrIdevi7FQ" not in str(refused.value)


async def test_an_address_of_a_service_is_taken_and_shown_without_what_is_secret_of_it() -> None:
    found = await Notifications(Reach()).check("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#alerts?footer=no")

    assert found == "slack://…"


async def test_a_service_that_the_operator_allows_is_judged_by_its_host() -> None:
    services = Notifications(Reach(), further=("json", "jsons"))
    async with receiving() as receiver:
        address = f"json://127.0.0.1:{receiver.port}/notices"
        with pytest.raises(ForbiddenAddressError):
            await services.check(address)

        assert await services.send(address, NOTICE) is Outcome.FORBIDDEN
        assert (
            await Notifications(Reach(allowed=LOOPBACK), further=("json",)).send(address, NOTICE) is Outcome.DELIVERED
        )

    assert [(one.event["title"], one.event["message"]) for one in receiver.received] == [
        ("[HIGH] Brute force", "10 failed sign-ins")
    ]


async def test_a_service_that_refuses_or_redirects_has_not_told_anybody() -> None:
    services = Notifications(Reach(allowed=LOOPBACK), further=("json",))
    async with receiving() as receiver, receiving() as elsewhere:
        receiver.answers.extend([500, (302, {"location": elsewhere.url})])
        address = f"json://127.0.0.1:{receiver.port}/notices"

        assert [await services.send(address, NOTICE) for _ in range(2)] == [Outcome.REFUSED, Outcome.REFUSED]

    assert elsewhere.received == []
