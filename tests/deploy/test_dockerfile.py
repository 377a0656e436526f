import json

from tests.deploy.delivery import ROOT, dockerfile

IGNORED_FIRST = "*"


def arguments(name):
    return [argument for instruction, argument in dockerfile() if instruction == name]


def final_stage():
    instructions = dockerfile()
    last = max(number for number, (name, _) in enumerate(instructions) if name == "FROM")
    return instructions[last:]


def test_the_base_image_is_an_argument_of_the_build():
    assert dockerfile()[0] == ("ARG", "BASE_IMAGE=python:3.11-slim-bookworm")
    assert arguments("FROM") == ["${BASE_IMAGE} AS build", "${BASE_IMAGE}"]


def test_the_image_runs_as_a_user_with_a_number_who_is_not_root():
    users = [argument for name, argument in final_stage() if name == "USER"]

    assert users == ["10001:10001"]


def test_the_final_stage_runs_nothing_so_it_holds_no_compiler_that_its_base_has_not():
    assert {name for name, _ in final_stage()} == {"FROM", "COPY", "ENV", "USER", "WORKDIR", "HEALTHCHECK", "CMD"}


def test_what_is_installed_is_what_was_locked():
    installs = [line for argument in arguments("RUN") for line in argument.split("&&") if "install " in line]

    from_registry = [line for line in installs if "requirements.lock" in line]
    assert len(from_registry) == 1
    for option in ("--require-hashes", "--no-deps", "--only-binary :all:"):
        assert option in from_registry[0]
    ours = [line for line in installs if "./schemas ." in line]
    assert "--no-deps --no-build-isolation" in ours[0]


def test_a_signal_reaches_the_program_and_not_a_shell():
    for name, argument in dockerfile():
        if name in {"CMD", "ENTRYPOINT"}:
            assert isinstance(json.loads(argument), list)


def test_a_container_is_asked_for_its_health_by_the_image_itself():
    (check,) = arguments("HEALTHCHECK")

    command = json.loads(check.split("CMD", 1)[1])
    assert command[-1] == "/opt/nuxari/healthy.py"


def test_the_running_container_needs_to_write_no_modules():
    environment = next(argument for name, argument in final_stage() if name == "ENV")

    assert "PYTHONDONTWRITEBYTECODE=1" in environment
    assert "PIP_INDEX_URL" not in str(final_stage())


def test_nothing_gets_into_a_build_that_is_not_named():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]

    assert lines[0] == IGNORED_FIRST
    named = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert named == {
        *("requirements.lock", "pyproject.toml", "README.md", "schemas", "shared", "services"),
        *("deploy/build-requirements.in", "deploy/healthy.py"),
    }


def test_the_file_names_no_registry():
    assert "://" not in (ROOT / "Dockerfile").read_text()
