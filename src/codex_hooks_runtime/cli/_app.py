"""The commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._commands import CommandGroup

app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib_metadata import version  # noqa: PLC0415  # for this option alone

        print(f"codex-hooks {version('codex-hooks')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Policy for OpenAI Codex: every prompt, session, turn and tool use under your plugins."""


@app.command(epilog='Example: codex-hooks run "summarise this repo" --report')
def run(
    prompt: Annotated[str, typer.Argument(help="What to ask; - to read it from stdin.")],
    cwd: Annotated[Path, typer.Option(help="The folder to work in.")] = Path(),
    model: Annotated[
        str | None, typer.Option(help="The model; Codex's own default if not given.")
    ] = None,
    plugin: Annotated[
        list[str] | None,
        typer.Option(help="A further plugin as module:Object; may be given more than once."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds until the turn is interrupted.")
    ] = 120.0,
    codex: Annotated[
        Path | None,
        typer.Option(help="The codex to use; the one installed along, or the one on PATH."),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Print the hook report on stderr.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object: result, error, report.")
    ] = False,
) -> int:
    """Run one prompt with your own Codex and the installed plugins.

    The answer is streamed on stdout, blocks and issues go to stderr. Exit code 0: answered, 2: a
    plugin blocked the run, 1: any other failure, 130: Ctrl-C.
    """
    from . import _run  # noqa: PLC0415  # not needed for --help
    from ._logging import log_to_stderr  # noqa: PLC0415

    log_to_stderr()
    return _run.run(
        _run.Request(
            prompt=prompt,
            cwd=cwd,
            model=model,
            plugins=plugin or (),
            timeout=timeout,
            codex=codex,
            as_json=as_json,
            with_report=report,
        )
    )


@app.command(epilog="Example: codex-hooks plugins --json")
def plugins(
    name: Annotated[
        str | None, typer.Argument(help="Show this plugin alone, with options.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the installed plugins: where from, which hooks, mode, order, why one is not active.

    They are looked at, not started. Exit code 0; 1 where nothing would start, or none has the name.
    """
    from . import _plugins  # noqa: PLC0415  # not needed for --help
    from ._logging import log_to_stderr  # noqa: PLC0415

    log_to_stderr()
    if name is None:
        _plugins.list_plugins(as_json=as_json)
    else:
        _plugins.show_plugin(name, as_json=as_json)


@app.command(epilog="Example: codex-hooks doctor --json")
def doctor(
    codex: Annotated[
        Path | None,
        typer.Option(help="The codex to examine; the one that `run` would use if not given."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Show on the installed Codex, offline, that every kind of tool use is mediated.

    Exit code 0: all of them are. 1: one is not, or the examination failed.
    """
    from ._doctor import doctor as run_doctor  # noqa: PLC0415  # not needed for --help
    from ._interrupt import run_interruptible  # noqa: PLC0415

    return run_interruptible(lambda: run_doctor(codex, as_json=as_json))


@app.command(epilog="Example: codex-hooks new org-policy")
def new(
    name: Annotated[str, typer.Argument(help="The policy's name, such as org-policy.")],
    into: Annotated[Path, typer.Option(help="The folder to make it in.")] = Path(),
) -> None:
    """Write a policy package that installs, passes its own tests and blocks something.

    Nothing that exists is overwritten. Exit code 0; 1 where it cannot be written.
    """
    from ._new import new_policy  # noqa: PLC0415  # not needed for --help

    new_policy(name, into)


@app.command(epilog="Example: codex-hooks demo")
def demo() -> int:
    """Show the real Codex under two plugins: no account, no key, no network.

    Exit code 0; 1 where a plugin did not keep what it is there for, or Codex did not start.
    """
    from ._demo import demo as run_demo  # noqa: PLC0415  # not needed for --help
    from ._interrupt import run_interruptible  # noqa: PLC0415

    return run_interruptible(run_demo)
