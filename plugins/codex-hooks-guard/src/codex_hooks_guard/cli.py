"""``codex-hooks guard``: what the guard makes of a command, and why.

Exit codes of ``check``: 0 the command passes, 2 it is blocked, 3 a person would be asked, 1 it
could not be judged (a mistake in the call, the settings or a rule file).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from ._judge import Verdict
    from ._plugin import GuardOptions

EXIT_CODES: Final = {None: 0, "allow": 0, "block": 2, "ask": 3}
_COLOURS: Final = {"block": "red", "ask": "yellow"}

app = typer.Typer(
    help="Rules for commands and files: see what they say.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _commands() -> None:
    """Keep ``check`` named, although it is alone."""


@app.command(epilog='Example: codex-hooks guard check "cd .. && rm -rf build"')
def check(
    command: Annotated[str, typer.Argument(help="A command as for bash -lc, or a patch.")],
    cwd: Annotated[Path, typer.Option(help="The folder that it would run in.")] = Path(),
    rules: Annotated[
        list[Path] | None,
        typer.Option(help="A further rule file, as if the settings named it; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Explain the verdict on a command, without running it.

    Shows the simple commands that it comes down to, where each was found, and the rules that hold.
    The rules are those of your settings. Exit code 0: passes, 2: blocked, 3: asks, 1: a failure.
    """
    from codex_hooks import CodexHooksError  # noqa: PLC0415  # not needed for --help

    from ._judge import commands_in, judge  # noqa: PLC0415
    from ._paths import Place  # noqa: PLC0415

    try:
        options = _options(cwd, rules or [])
        in_force = options.load()
    except CodexHooksError as error:
        typer.echo(f"{typer.style('error:', 'red', bold=True)} {_printable(str(error))}", err=True)
        raise typer.Exit(1) from None
    place = Place(str(cwd.resolve()), str(Path.home()))
    tool = "apply_patch" if command.lstrip().startswith("*** Begin Patch") else "Bash"
    verdict = judge(in_force, tool, commands_in(command, place), place)
    if as_json:
        _print_json(verdict)
    else:
        _print_text(verdict)
    raise typer.Exit(EXIT_CODES[verdict.action])


def _options(cwd: Path, rules: list[Path]) -> GuardOptions:
    """Return the options that the settings give the guard, with further rule files."""
    from codex_hooks import Settings, SettingsError  # noqa: PLC0415
    from pydantic import ValidationError  # noqa: PLC0415

    from ._plugin import GuardOptions  # noqa: PLC0415

    given = dict(Settings.load(cwd).of("guard").options)
    try:
        options = GuardOptions.model_validate(given)
    except ValidationError as error:
        wrong = error.errors()[0]
        key = ".".join(map(str, wrong["loc"]))
        raise SettingsError(f"plugins.guard.options.{key}: {wrong['msg']}") from None
    more = tuple(path.resolve() for path in rules)
    return options.model_copy(update={"rules": options.rules + more})


def _print_text(verdict: Verdict) -> None:
    action = verdict.action or "pass"
    typer.echo(typer.style(action, _COLOURS.get(action, "green"), bold=True))
    for rule in dict.fromkeys(finding.rule for finding in verdict.findings):
        typer.echo(f"  rule {rule.name} ({rule.action}): {_printable(rule.reason)}")
    typer.echo("\nIt comes down to:" if verdict.commands else "\nIt comes down to nothing.")
    for command in verdict.commands:
        named = [each.rule.name for each in verdict.findings if each.command == command]
        typer.echo(f"  {_printable(str(command)) or '(nothing)'}")
        if command.origin:
            typer.echo(f"      in {_printable(', '.join(command.origin))}")
        if named:
            rules = ", ".join(named)
            typer.echo(f"      {typer.style(rules, _COLOURS.get(action), bold=True)}")


def _print_json(verdict: Verdict) -> None:
    import json  # noqa: PLC0415

    document = {
        "verdict": verdict.action or "pass",
        "rules": [
            {"name": rule.name, "action": rule.action, "reason": rule.reason}
            for rule in dict.fromkeys(finding.rule for finding in verdict.findings)
        ],
        "commands": [
            {
                "command": str(command),
                "in": list(command.origin),
                "cwd": str(command.cwd),
                "hidden": command.hidden,
                "rules": [each.rule.name for each in verdict.findings if each.command == command],
            }
            for command in verdict.commands
        ],
    }
    typer.echo(json.dumps(document, indent=2))


def _printable(text: str) -> str:
    """Return ``text`` for a terminal: what would steer it is shown escaped (F28)."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
