import re

import pytest

from shared.settings import SERVICES, StackSettings
from tests.deploy.delivery import COMPOSE, COMPOSE_FILE, CONTAINERS, ONE_SHOT, ROOT, SERVERS, make_secrets, secrets_of

every_container = pytest.mark.parametrize("container", CONTAINERS)
every_service = pytest.mark.parametrize("service", SERVICES)


def test_there_is_a_container_for_each_service_and_for_what_it_needs():
    assert set(CONTAINERS) == {*SERVICES, *SERVERS, *ONE_SHOT}


@every_container
def test_a_container_can_neither_write_its_image_nor_gain_a_right(container):
    told = CONTAINERS[container]

    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(told)


@every_container
def test_a_container_runs_as_a_user_with_a_number_who_is_not_root(container):
    user, group = CONTAINERS[container]["user"].split(":")

    assert int(user) > 0
    assert int(group) > 0


@every_container
def test_a_container_has_limits_of_processor_memory_processes_and_logs(container):
    told = CONTAINERS[container]

    limits = told["deploy"]["resources"]["limits"]
    assert 0 < float(limits["cpus"]) <= 2
    assert re.fullmatch(r"\d+[mg]", limits["memory"])
    assert limits["pids"] > 0
    assert {"max-size", "max-file"} <= set(told["logging"]["options"])


@every_container
def test_what_a_container_may_write_outside_its_volumes_is_bounded(container):
    for mount in CONTAINERS[container]["tmpfs"]:
        assert "size=" in mount


@pytest.mark.parametrize("container", sorted(set(CONTAINERS) - ONE_SHOT))
def test_what_stays_is_asked_for_its_health_and_started_again(container):
    told = CONTAINERS[container]

    assert told["restart"] == "unless-stopped"
    assert {"interval", "timeout", "start_period", "retries"} <= set(told["healthcheck"])
    assert not told["healthcheck"].get("disable")
    assert "stop_grace_period" in told


@pytest.mark.parametrize("server", sorted(SERVERS))
def test_a_server_says_how_it_is_asked_for_its_health(server):
    assert CONTAINERS[server]["healthcheck"]["test"][0] == "CMD"


@every_service
def test_a_service_starts_once_everything_it_needs_is_there(service):
    needed = {name: one["condition"] for name, one in CONTAINERS[service]["depends_on"].items()}

    assert needed == {
        "provision": "service_completed_successfully",
        "kafka": "service_healthy",
        "postgres": "service_healthy",
    }


@every_service
def test_a_service_has_the_port_that_it_has_without_containers(service):
    told, port = CONTAINERS[service], StackSettings().port_of(service)

    assert told["command"] == ["python", "-m", f"services.{service}"]
    assert told["environment"]["NUXARI_PORT"] == str(port)
    assert told["ports"] == [f"127.0.0.1:${{NUXARI_{service.upper()}_PORT:-{port}}}:{port}"]


@every_container
def test_a_port_is_open_on_loopback_alone(container):
    for port in CONTAINERS[container].get("ports", []):
        assert port.startswith("127.0.0.1:")


def test_the_database_is_reached_from_nowhere_but_its_network():
    assert CONTAINERS["postgres"]["networks"] == ["database"]
    assert COMPOSE["networks"]["database"]["internal"] is True
    assert "ports" not in CONTAINERS["postgres"]
    assert "database" not in CONTAINERS["kafka"]["networks"]


@every_container
def test_no_secret_is_in_an_environment_variable(container):
    for name, value in CONTAINERS[container].get("environment", {}).items():
        names_a_place = name == "NUXARI_SECRETS_DIR" or name.endswith("_FILE")
        assert names_a_place or not re.search("PASSWORD|SECRET|TOKEN|DSN|_KEY", name)
        assert "/run/secrets" in value or not names_a_place
        assert not re.search(r"://[^/]*:[^/]*@", value)


def test_every_secret_is_a_file_that_the_command_makes_and_somebody_needs(tmp_path):
    made = {path.name for path in make_secrets(tmp_path / "secrets").iterdir()}

    directory = "${NUXARI_COMPOSE_SECRETS:-./.nuxari/compose-secrets}"
    assert COMPOSE["secrets"] == {name: {"file": f"{directory}/{name}"} for name in made}
    assert {secret for container in CONTAINERS for secret in secrets_of(container).values()} == made


@every_service
def test_a_service_is_given_its_own_secrets_and_no_others(service):
    given = secrets_of(service)

    assert given.pop("nuxari_database_dsn") == f"{service}_database_dsn"
    assert given.pop("nuxari_relay_dsn") == f"{service}_relay_dsn"
    keys = {
        "identity": {"identity_signing_key", "identity_sealing_key"},
        "monitoring": {"monitoring_sealing_key"},
    }.get(service, set())
    assert set(given) == set(given.values()) == keys


def test_the_command_that_makes_secrets_is_one_that_a_shell_can_call():
    assert (ROOT / "deploy" / "make-secrets").stat().st_mode & 0o111


def test_the_file_names_no_address_outside_this_machine():
    addresses = re.findall(r"https?://([\w.]+)", COMPOSE_FILE.read_text())

    assert set(addresses) == {"identity", "127.0.0.1"}


def test_what_the_build_needs_of_the_outside_comes_from_the_outside():
    assert CONTAINERS["provision"]["build"]["args"] == {
        "BASE_IMAGE": "${NUXARI_BASE_IMAGE:-python:3.11-slim-bookworm}",
        "PIP_INDEX_URL": None,
    }
