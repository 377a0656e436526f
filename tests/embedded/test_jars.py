import shutil

import pytest

from shared.embedded import jars
from shared.embedded.child import StartError


@pytest.fixture
def directory(tmp_path):
    """A copy of the locked jars."""
    for jar in jars.locked_jars(jars.default_directory()):
        (tmp_path / jar.name).hardlink_to(jar) if jar.stat().st_dev == tmp_path.stat().st_dev else shutil.copy(
            jar, tmp_path
        )
    return tmp_path


def no_network():
    pytest.fail("asked the network for Kafka")


def tampered(jar):
    """Another file of the same name: the link is replaced, not what it links to."""
    content = jar.read_bytes()
    jar.unlink()
    jar.write_bytes(content + b" ")


def test_jars_that_lie_there_are_used_without_a_network(directory, monkeypatch):
    monkeypatch.setattr(jars, "_resolved", no_network)

    found = jars.locked_jars(directory)

    assert f"kafka-clients-{jars.VERSION}.jar" in {jar.name for jar in found}
    assert {jar.parent for jar in found} == {directory}


def test_a_jar_with_another_hash_is_refused_by_name(directory, monkeypatch):
    monkeypatch.setattr(jars, "_resolved", no_network)
    jar = directory / f"kafka-clients-{jars.VERSION}.jar"
    tampered(jar)

    with pytest.raises(StartError, match=r"kafka-clients-.* is not the jar of kafka-jars\.lock: its SHA-256 differs"):
        jars.locked_jars(directory)


def test_a_fetched_jar_with_another_hash_is_not_kept(directory, tmp_path_factory, monkeypatch):
    tampered(directory / f"kafka_2.13-{jars.VERSION}.jar")
    monkeypatch.setattr(jars, "_resolved", lambda: sorted(directory.glob("*.jar")))
    target = tmp_path_factory.mktemp("jars")

    with pytest.raises(StartError, match="its SHA-256 differs"):
        jars.locked_jars(target)

    assert not (target / f"kafka_2.13-{jars.VERSION}.jar").exists()


def test_a_resolution_to_other_jars_is_refused_with_the_difference(directory, tmp_path_factory, monkeypatch):
    (directory / f"kafka-clients-{jars.VERSION}.jar").rename(directory / "kafka-clients-3.9.1.jar")
    monkeypatch.setattr(jars, "_resolved", lambda: list(directory.glob("*.jar")))

    with pytest.raises(StartError, match=r"kafka-clients-3\.9\.1\.jar, kafka-clients-4\.3\.0\.jar"):
        jars.locked_jars(tmp_path_factory.mktemp("jars"))


def test_the_lock_names_no_address():
    lines = jars.LOCK.read_text().splitlines()

    assert all(len(line.split()) == 2 and line.endswith(".jar") and "/" not in line for line in lines)
    assert len(lines) > 40
