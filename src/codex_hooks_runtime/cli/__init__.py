"""The ``codex-hooks`` command.

Exit codes: 0 success, 1 a failure (a mistake in the call included), 2 a hook blocked, 130 stopped
by Ctrl-C. A person's mistake is one sentence on stderr, never a traceback.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line of this process and exit."""
    import typer  # noqa: PLC0415  # typer and rich load for a command line alone

    from codex_hooks import CodexHooksError  # noqa: PLC0415

    from ._app import app  # noqa: PLC0415
    from ._output import complain  # noqa: PLC0415

    try:
        status = app(prog_name="codex-hooks", standalone_mode=False)
    except typer.TyperException as error:
        if str(error):  # without a command the help has been printed, and nothing is to be said
            complain(f"{error}; see codex-hooks --help")
        status = 1
    except CodexHooksError as error:
        complain(str(error))
        status = 1
    except BrokenPipeError:
        # Whoever read our output has left. Python would complain once more when it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except (KeyboardInterrupt, typer.Abort):
        status = 130
    sys.exit(status or 0)
