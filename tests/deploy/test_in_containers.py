"""The delivery, started for real; skipped, with the reason, where no engine or an image is missing."""

import json
import subprocess
import sys
from datetime import timedelta

import pytest

from shared.settings import SERVICES
from tests.deploy.attacks import Attacks
from tests.deploy.delivery import ROOT, SERVERS
from tests.deploy.system import reason_to_skip, running_system
from tests.waiting import until

_REASON = reason_to_skip()
pytestmark = pytest.mark.skipif(_REASON is not None, reason=_REASON or "")

SOON = timedelta(seconds=60)
STAYING = [*SERVICES, *sorted(SERVERS)]


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with running_system(tmp_path_factory.mktemp("containers")) as running:
        yield running


async def test_events_from_outside_lead_to_alerts_that_are_read_outside(system):
    attacks = Attacks(system.kafka, tenants=20)

    await attacks.first()
    await attacks.second()
    await attacks.last()

    counted = await attacks.counted(within=SOON)
    assert {tenant: one for tenant, one in counted.items() if not one.is_exact()} == {}


def test_a_leaver_loses_everything_and_a_use_of_what_was_theirs_raises_an_alert(system):
    tenant = system.compose(
        *("exec", "-T", "identity", "nuxari-security", "tenant", "create", "Acme"),
        *("--owner-email", "olga@acme.example", "--json"),
    )

    story = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, ROOT / "examples" / "leaver.py", "--json"],
        env=system.environment,
        input=tenant,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (story.returncode, story.stderr) == (0, "")
    seen = json.loads(story.stdout)
    assert seen["activation"] == "user_deactivated"
    assert seen["credential_orphaned"] is True
    assert all(seconds < 1 for seconds in seen["void_after_seconds"].values())
    assert seen["alert"]["evidence"]


@pytest.mark.parametrize("container", STAYING)
def test_the_engine_runs_a_container_without_rights_and_within_limits(system, container):
    told = system.container(container)

    host = told["HostConfig"]
    assert told["Config"]["User"].split(":")[0] not in {"", "0", "root"}
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["CapAdd"] is None
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert 0 < host["Memory"] <= 2**30
    assert host["NanoCpus"] > 0
    assert host["PidsLimit"] > 0
    assert told["State"]["Health"]["Status"] == "healthy"


def test_no_port_is_open_but_on_loopback_and_the_database_has_none(system):
    bound = {one["Name"]: one["HostConfig"]["PortBindings"] or {} for one in system.containers()}

    assert {binding["HostIp"] for ports in bound.values() for on in ports.values() for binding in on} == {"127.0.0.1"}
    assert bound[system.container("postgres")["Name"]] == {}


def test_no_secret_is_in_what_the_engine_knows_or_in_a_log(system):
    told = json.dumps(system.containers()) + system.compose("logs", "--no-color")

    for path in system.secrets.iterdir():
        for line in path.read_text().splitlines():
            secret = line.split("://")[-1].rsplit("@", 1)[0].split(":")[-1]
            assert line.startswith("-----") or secret not in told, path.name


@pytest.mark.parametrize("container", ["monitoring", "postgres", "kafka"])
async def test_what_is_killed_in_the_middle_loses_nothing_and_nothing_counts_twice(system, container):
    attacks = Attacks(system.kafka, tenants=20)
    await attacks.first()

    system.compose("kill", container)
    if container != "kafka":
        await attacks.second()
    system.up()
    if container == "kafka":
        await attacks.second()
    await attacks.last()

    counted = await attacks.counted(within=SOON)
    assert {tenant: one for tenant, one in counted.items() if not one.is_exact()} == {}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_that_crashes_is_started_again_by_the_engine(system, service):
    crashes = system.container(service)["RestartCount"]

    system.crash(service)

    def is_back():
        told = system.container(service)
        return told["RestartCount"] == crashes + 1 and told["State"]["Health"]["Status"] == "healthy"

    await until(is_back, within=SOON, what=f"{service} healthy again")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_is_told_to_stop_ends_in_good_order(system, service):
    system.compose("stop", service)

    state = system.container(service)["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
    assert '"event": "stopped"' in system.compose("logs", "--no-color", "--tail", "1", service)
    system.up()
