"""``python -m codex_hooks_audit``: the commands without the rest of codex-hooks."""

from __future__ import annotations

import os
import sys

import typer
from codex_hooks import CodexHooksError

from codex_hooks_audit._printable import printable
from codex_hooks_audit.cli import app


def main() -> int:
    """Run the command line; a person's mistake is one sentence on stderr."""
    try:
        return app(prog_name="codex-hooks audit", standalone_mode=False) or 0
    except typer.TyperException as error:
        if message := error.format_message():
            typer.echo(f"error: {printable(message)}", err=True)
        return 1
    except (CodexHooksError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            # Whoever read our output has left; Python would complain again as it flushes stdout.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        else:
            typer.echo(f"error: {printable(str(error))}", err=True)
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return 130


if __name__ == "__main__":
    sys.exit(main())
