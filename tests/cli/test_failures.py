import sys

import pytest
import typer

from services import cli


@pytest.fixture
def command(monkeypatch, capsys):
    """Calls `nuxari-security fail` with a body of the test's; gives exit code, output and errors."""

    def call(body, *arguments):
        app = typer.Typer(no_args_is_help=True, add_completion=False)
        app.callback()(lambda: None)
        app.command("fail")(body)
        monkeypatch.setattr(cli, "app", app)
        monkeypatch.setattr(cli, "_COMMANDS", {})
        monkeypatch.setattr(sys, "argv", ["nuxari-security", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return call


def raising(error):
    def body():
        raise error

    return body


def test_any_failure_is_one_line_and_exit_code_1(command):
    code, out, err = command(raising(RuntimeError("the disk\nis full")), "fail")

    assert (code, out, err) == (1, "", "nuxari-security: RuntimeError: the disk is full\n")


def test_a_password_of_a_dsn_is_never_shown(command):
    code, _, err = command(raising(OSError("cannot reach postgresql://nuxari:s3cret@10.0.0.1/db")), "fail")

    assert code == 1
    assert "s3cret" not in err
    assert "10.0.0.1" in err


def test_a_wrong_option_is_one_line_and_exit_code_2(command):
    code, out, err = command(lambda: None, "fail", "--colour")

    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "No such option: --colour" in err


def test_no_command_at_all_shows_the_help(command):
    code, out, err = command(lambda: None)

    assert code == 2
    assert "Usage" in out
    assert err.endswith("needs a command or an argument\n")


def test_an_exit_code_that_a_command_chose_is_kept(command):
    code, out, err = command(raising(typer.Exit(7)), "fail")

    assert (code, out, err) == (7, "", "")


def test_an_interruption_is_exit_code_130_without_a_traceback(command):
    code, _, err = command(raising(KeyboardInterrupt()), "fail")

    assert (code, err) == (130, "")


def test_a_traceback_is_there_for_who_asks(command, monkeypatch):
    monkeypatch.setattr(cli, "_is_debug", lambda: True)
    monkeypatch.setattr(cli, "_log_to_debug_alone", lambda: None)

    with pytest.raises(ZeroDivisionError):
        command(lambda: 1 / 0, "fail")


def test_only_the_module_of_the_called_command_is_loaded():
    assert cli._needed(["status"]) == ["stack"]
    assert cli._needed(["dlq"]) == ["dead_letters"]
    assert set(cli._needed(["--help"])) == set(cli._COMMANDS.values())
