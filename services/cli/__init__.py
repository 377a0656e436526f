"""The command `nuxari-security`: after this, a failure is one line on standard error and a non-zero exit."""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module

import structlog
import typer
from typer.exceptions import TyperException

from shared.telemetry.logging import configure, without_passwords

app = typer.Typer(
    help="Tenant security: identity, privileged access, credential governance, monitoring.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_COMMANDS = {
    "up": "stack",
    "status": "stack",
    "provision": "provision",
    "tenant": "tenant",
    "topics": "topics",
    "publish": "publish",
    "alerts": "alerts",
    "simulate": "simulate",
    "ingest": "ingest",
    "rules": "rules",
    "dlq": "dead_letters",
}
"""The module beside this one that adds the command, by its function `register(app)`."""

_LONGEST_REASON = 500


@app.callback()
def _one_of_many() -> None:
    """Tenant security: identity, privileged access, credential governance, monitoring."""
    # With a callback a command keeps its name, also where it is the only one that was loaded.


def main() -> None:
    """Run the command; libraries' logs and a traceback are shown only where NUXARI_DEBUG is set."""
    _log_to_debug_alone()
    for module in _needed(sys.argv[1:2]):
        import_module(f"services.cli.{module}").register(app)
    sys.exit(_outcome())


def _needed(first: list[str]) -> list[str]:
    """The module of the command that is called: the others would cost it a second. All for a help text."""
    named = [_COMMANDS[word] for word in first if word in _COMMANDS]
    return named or list(dict.fromkeys(_COMMANDS.values()))


def _log_to_debug_alone() -> None:
    if _is_debug():
        configure(level="debug", form="console")
    else:
        logging.getLogger().addHandler(logging.NullHandler())
        structlog.configure(
            logger_factory=structlog.stdlib.LoggerFactory()
        )  # it would print, amid the command's output


def _is_debug() -> bool:
    return bool(os.environ.get("NUXARI_DEBUG"))


def _outcome() -> int:
    try:
        return int(app(standalone_mode=False) or 0)
    except TyperException as error:
        return _wrong_use(error)
    except Exception as error:
        if _is_debug():
            raise
        print(f"nuxari-security: {_reason(error)}", file=sys.stderr)
        return 1


def _wrong_use(error: TyperException) -> int:
    """Say it in one line; a command that was called without what it needs has shown its help already."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "nuxari-security"
    has_shown_help = type(error).__name__ == "NoArgsIsHelpError"
    reason = "needs a command or an argument" if has_shown_help else " ".join(error.format_message().split())
    print(f"{path}: {reason}", file=sys.stderr)
    return error.exit_code


def _reason(error: Exception) -> str:
    text = without_passwords(" ".join(str(error).split()))
    return f"{type(error).__name__}: {text}"[:_LONGEST_REASON] if text else type(error).__name__
