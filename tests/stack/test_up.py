import http.client
import json
import signal
import socket
from datetime import timedelta

import pytest

from tests.stack.running import RunningStack
from tests.waiting import until


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack that several tests share; none of them leaves it broken."""
    running = RunningStack(tmp_path_factory.mktemp("stack"))
    running.up()
    yield running
    running.stop()


@pytest.fixture
def own_stack(tmp_path):
    running = RunningStack(tmp_path)
    yield running
    running.stop(signal.SIGKILL)


def told(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/ready")
    body = json.loads(connection.getresponse().read())
    connection.close()
    return body


async def test_the_last_line_says_ready_and_names_every_address(stack):
    await stack.is_up()

    assert len(stack.lines()) == 1
    words = stack.lines()[-1].split()
    addresses = dict(zip(words[1::2], words[2::2], strict=True))
    assert addresses == {
        "greeter": f"http://127.0.0.1:{stack.ports['greeter']}",
        "waver": f"http://127.0.0.1:{stack.ports['waver']}",
        "kafka": f"127.0.0.1:{stack.environment['NUXARI_KAFKA_PORT']}",
        "postgres": f"127.0.0.1:{stack.environment['NUXARI_POSTGRES_PORT']}",
    }


async def test_status_names_every_process_and_both_addresses(stack):
    await stack.is_up()

    found = json.loads(stack.called("status", "--json").stdout)

    assert {process["name"] for process in found["processes"]} == {"kafka", "postgres", "greeter", "waver"}
    assert all(process["ready"] and process["pid"] and process["url"] for process in found["processes"])
    assert found["kafka"] == f"127.0.0.1:{stack.environment['NUXARI_KAFKA_PORT']}"
    assert found["postgres"] == f"127.0.0.1:{stack.environment['NUXARI_POSTGRES_PORT']}"
    assert found["home"] == stack.environment["NUXARI_HOME"]
    assert "waver" in stack.called("status").stdout


async def test_a_second_stack_in_the_same_home_is_refused_with_what_runs_where(stack):
    await stack.is_up()

    second = stack.called("up")

    assert second.returncode == 1
    assert second.stdout == ""
    assert second.stderr.count("\n") == 1
    for expected in (f"pid {stack.process.pid}", f"greeter http://127.0.0.1:{stack.ports['greeter']}", "kafka://"):
        assert expected in second.stderr
    assert stack.status()["waver"]["ready"]


async def test_secrets_reach_a_service_by_its_environment_and_nobody_by_arguments(stack):
    await stack.is_up()

    found = told(stack.ports["greeter"])

    environment = found["environment"]
    assert environment["NUXARI_DATABASE_DSN"].startswith("postgresql://nuxari_greeter:")
    assert environment["NUXARI_RELAY_DSN"].startswith("postgresql://nuxari_greeter_relay:")
    assert "NUXARI_POSTGRES_DSN" not in environment
    assert not any("postgresql" in argument for argument in found["arguments"])


@pytest.mark.parametrize("name", ["greeter", "postgres", "kafka"])
async def test_one_that_is_killed_is_started_again_and_that_is_said(stack, name):
    await stack.is_up()
    killed = stack.pids()[name]

    stack.kill(name)

    await stack.says(f"restarted {name} (pid ")
    assert stack.lines()[-1].endswith("after exit -9")
    assert stack.pids()[name] != killed
    await until(lambda: stack.status()[name]["ready"], within=timedelta(seconds=30), what=f"{name} ready again")


async def test_a_stack_that_was_killed_leaves_nothing_and_starts_again_with_its_data(own_stack):
    own_stack.up()
    await own_stack.is_up()
    password = (own_stack.home / "state" / "secrets" / "nuxari_greeter.password").read_text()
    before = own_stack.pids()

    own_stack.stop(signal.SIGKILL)
    own_stack.up()
    await own_stack.is_up()

    assert not set(before.values()) & set(own_stack.pids().values())
    assert password in told(own_stack.ports["greeter"])["environment"]["NUXARI_DATABASE_DSN"]
    assert own_stack.stop() == 0
    assert own_stack.left_running() == []


async def test_two_stacks_run_side_by_side_and_one_that_stops_leaves_the_other(stack, own_stack):
    await stack.is_up()
    own_stack.up()
    await own_stack.is_up()

    both = [{one["url"] for one in running.status().values()} for running in (stack, own_stack)]
    assert not both[0] & both[1]
    assert [len(urls) for urls in both] == [4, 4]

    assert own_stack.stop() == 0
    assert own_stack.left_running() == []
    assert all(process["ready"] for process in stack.status().values())


async def test_ctrl_c_at_the_terminal_stops_every_process(own_stack):
    own_stack.up()
    await own_stack.is_up()

    assert own_stack.ctrl_c() == 0
    assert own_stack.left_running() == []
    assert own_stack.errors()[-1].startswith("done ")


async def test_ctrl_c_while_it_starts_stops_what_was_started(own_stack):
    own_stack.up()
    state = own_stack.home / "state" / "stack.json"
    await until(
        lambda: state.exists() and "kafka" in own_stack.pids(), within=timedelta(seconds=30), what="Kafka launched"
    )

    code = own_stack.stop(signal.SIGINT)

    assert code == 0
    assert own_stack.lines() == []
    assert own_stack.left_running() == []
    assert own_stack.called("status", "--json").returncode == 1


def test_a_port_of_somebody_else_is_refused_with_the_setting_to_change(own_stack):
    with socket.create_server(("127.0.0.1", own_stack.ports["waver"])):
        refused = own_stack.called("up")

    assert refused.returncode == 1
    assert refused.stderr == (
        f"up: port {own_stack.ports['waver']} of 127.0.0.1 is taken by another program:"
        " set NUXARI_WAVER_PORT to a free one\n"
    )
    assert own_stack.left_running() == []


def test_an_own_kafka_that_is_away_is_named_in_one_line(tmp_path, postgres):
    running = RunningStack(tmp_path, NUXARI_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1", NUXARI_POSTGRES_DSN=postgres)

    refused = running.called("up")

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("up: Kafka at 127.0.0.1:1 does not take the topics: ")
    assert running.left_running() == []


def test_status_of_a_home_where_nothing_runs_is_one_line_and_a_failure(own_stack):
    found = own_stack.called("status", "--json")

    assert found.returncode == 1
    assert found.stdout == ""
    assert found.stderr.startswith("status: nothing runs in ")
    assert found.stderr.count("\n") == 1
