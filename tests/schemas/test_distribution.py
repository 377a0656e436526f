"""The wheel is complete, and without the extra it needs pydantic and nothing else."""

from __future__ import annotations

import email
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.schemas.golden import SCHEMAS

_IMPORT_ALL = """
import importlib, pkgutil, sys
from importlib.abc import MetaPathFinder
from pathlib import Path

wheel = sys.argv[1]
allowed = {"pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection", "nuxari_events"}

class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        foreign = name not in allowed and name not in sys.stdlib_module_names and not name.startswith("_")
        if path is None and foreign:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.path.insert(0, wheel)
sys.meta_path.insert(0, Refuse())
import nuxari_events
assert nuxari_events.__file__.startswith(wheel), nuxari_events.__file__
for module in pkgutil.walk_packages(nuxari_events.__path__, "nuxari_events."):
    importlib.import_module(module.name)
    print(module.name)

from nuxari_events.asyncapi import document
assert document()["asyncapi"] == "3.0.0"

from nuxari_events.client import AlertStream, EventPublisher
for client in (EventPublisher, AlertStream):
    try:
        client("localhost:9092")
    except ModuleNotFoundError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the working tree."""
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(command, cwd=SCHEMAS, check=True, capture_output=True)  # noqa: S603 - the build backend
    (built,) = directory.glob("*.whl")
    return built


def test_the_wheel_holds_every_module_the_type_marker_and_the_asyncapi_document(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())

    modules = {str(path.relative_to(SCHEMAS)) for path in (SCHEMAS / "nuxari_events").rglob("*.py")}
    assert modules | {"nuxari_events/py.typed", "nuxari_events/asyncapi.json"} <= held
    assert not [name for name in held if name.endswith(".pyc")]


def test_the_wheel_asks_for_pydantic_and_only_its_extra_for_aiokafka(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))

    wanted = email.message_from_bytes(archive.read(name)).get_all("Requires-Dist") or []

    unconditional = [one for one in wanted if "extra ==" not in one]
    assert [one.split(">")[0] for one in unconditional] == ["pydantic"]
    assert [one for one in wanted if one.startswith("aiokafka")]


def test_everything_imports_with_pydantic_alone_and_the_clients_say_what_they_need(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)

    command = [sys.executable, "-c", _IMPORT_ALL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)  # noqa: S603 - as above

    assert done.returncode == 0, done.stderr
    assert "nuxari_events.client.streams" in done.stdout
    assert (
        done.stdout.splitlines()[-2:]
        == [
            "the Kafka client needs aiokafka: pip install 'nuxari-events[kafka]'",
        ]
        * 2
    )
