import pytest
from pydantic import ValidationError

from shared.settings import SERVICES, ServiceSettings, StackSettings

NEEDED = {
    "NUXARI_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:19092",
    "NUXARI_DATABASE_DSN": "postgresql://nuxari_pim:s3cret@127.0.0.1/nuxari_pim",
    "NUXARI_RELAY_DSN": "postgresql://nuxari_pim_relay:s3cret@127.0.0.1/nuxari_pim",
    "NUXARI_PORT": "8102",
}


@pytest.fixture
def environment(monkeypatch):
    def put(**settings):
        for name, value in settings.items():
            monkeypatch.setenv(name, value)

    return put


def test_two_stacks_side_by_side_differ_in_nothing_but_settings(environment):
    environment(NUXARI_HOME="/srv/second", NUXARI_KAFKA_PORT="29092", NUXARI_PIM_PORT="9102")

    settings = StackSettings()

    assert settings.kafka == "127.0.0.1:29092"
    assert settings.url_of("pim") == "http://127.0.0.1:9102"
    assert str(settings.secrets) == "/srv/second/secrets"


def test_without_settings_each_service_has_a_port_of_its_own():
    settings = StackSettings()

    ports = {settings.port_of(service) for service in SERVICES}
    assert len(ports | {settings.kafka_port, settings.postgres_port}) == 6


def test_a_secret_is_not_shown_when_settings_are_printed(environment):
    environment(**NEEDED, NUXARI_POSTGRES_DSN="postgresql://admin:s3cret@db/postgres")

    assert "s3cret" not in repr(ServiceSettings())
    assert "s3cret" not in repr(StackSettings())


def test_a_secret_may_be_a_file_as_containers_give_it(environment, tmp_path):
    environment(
        **{name: value for name, value in NEEDED.items() if "DSN" not in name}, NUXARI_SECRETS_DIR=str(tmp_path)
    )
    for name in ("NUXARI_DATABASE_DSN", "NUXARI_RELAY_DSN"):
        (tmp_path / name.lower()).write_text(NEEDED[name] + "\n")

    settings = ServiceSettings()

    assert settings.database_dsn.get_secret_value() == NEEDED["NUXARI_DATABASE_DSN"]
    assert settings.relay_dsn.get_secret_value() == NEEDED["NUXARI_RELAY_DSN"]


def test_a_port_that_is_none_is_refused_by_name(environment):
    environment(**NEEDED | {"NUXARI_PORT": "70000"})

    with pytest.raises(ValidationError, match="port"):
        ServiceSettings()
