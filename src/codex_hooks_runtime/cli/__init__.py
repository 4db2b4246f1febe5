"""The ``codex-hooks`` command.

Exit codes: 0 success, 1 a failure (a mistake in the call included), 2 a hook blocked, 130 stopped
by Ctrl-C. A person's mistake is one sentence on stderr, never a traceback.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import TextIO


def main() -> None:
    """Run the command line of this process and exit."""
    if sys.platform == "win32":
        sys.exit("error: codex-hooks needs Linux or macOS; on Windows, run it in WSL")
    _prepare_streams()
    try:
        status = _call()
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:  # whoever read our output has left
        status = 1
        _give_up(sys.stdout)
    except OSError as error:
        status = 1
        _give_up(sys.stdout)
        _complain_of(error)
    sys.exit(status)


def _call() -> int:
    import typer  # noqa: PLC0415  # typer and rich load for a command line alone

    from codex_hooks import CodexHooksError  # noqa: PLC0415

    from ._app import app  # noqa: PLC0415
    from ._output import complain  # noqa: PLC0415

    try:
        os.getcwd()  # noqa: PTH109  # the settings are looked for from there
    except FileNotFoundError:
        complain("the working folder has been removed: cd to one that exists")
        return 1
    try:
        return app(prog_name="codex-hooks", standalone_mode=False) or 0
    except typer.TyperException as error:
        if str(error):  # without a command the help has been printed, and nothing is to be said
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "codex-hooks"
            complain(f"{error.format_message().rstrip('.')}; see {command} --help")
        return 1
    except CodexHooksError as error:
        complain(str(error))
        return 1
    except typer.Abort:
        return 130


def _prepare_streams() -> None:
    """Put an empty stream where our caller has closed one, and write what stdout cannot as escapes.

    Python has None for what ``>&-`` closes, and a socket of ours would get its number, and with it
    what is printed.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _complain_of(error: OSError) -> None:
    from ._output import complain  # noqa: PLC0415  # rich loads for a command line alone

    try:
        complain(f"{error.filename or 'the output cannot be written'}: {error.strerror}")
    except OSError:  # nor can this be
        _give_up(sys.stderr)


def _give_up(stream: TextIO) -> None:
    # Python would complain once more when it flushes the stream at its end, and exit with 120.
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
