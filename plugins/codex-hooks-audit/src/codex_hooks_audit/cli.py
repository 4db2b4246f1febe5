"""``codex-hooks audit``: look at the log, follow one run, check it, hand it on.

Exit codes: 0 done, or intact; 1 it could not be done; 3 the log is not what was written.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from codex_hooks_audit._chain import Link
from codex_hooks_audit._errors import AuditError
from codex_hooks_audit._export import Format, export
from codex_hooks_audit._printable import printable
from codex_hooks_audit._read import last_records, records, segments, size_of
from codex_hooks_audit._show import line_of
from codex_hooks_audit._verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

TAMPERED: Final = 3

app = typer.Typer(
    help="The record of every decision and tool use.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Log = Annotated[
    Path | None, typer.Option("--log", help="The folder of the log; else the settings say.")
]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@app.command("tail", epilog="Example: codex-hooks audit tail -n 50")
def tail_command(
    count: Annotated[int, typer.Option("-n", min=1, max=100_000, help="How many records.")] = 20,
    log: _Log = None,
    as_json: _Json = False,
) -> None:
    """Show the last records. Exit code 0; 1 where there is no log."""
    for record in last_records(_folder(log), count):
        _print_record(record, as_json=as_json)


@app.command("show", epilog="Example: codex-hooks audit show hk-1f2e3d4c5b6a7988")
def show_command(
    run: Annotated[str, typer.Argument(help="The run's correlation id.")],
    log: _Log = None,
    as_json: _Json = False,
) -> None:
    """Show the records of one run. Exit code 0; 1 where the log has none."""
    shown = 0
    folder = _folder(log)
    with _progress("reading", folder) as read:
        for _, record in records(folder, containing=json.dumps(run), read=read):
            if record.get("run") == run:
                _print_record(record, as_json=as_json)
                shown += 1
    if not shown:
        raise AuditError(f"the log in {folder} has no run {run}: `tail` shows the latest")


@app.command("verify", epilog="Example: codex-hooks audit verify --expect 1200:9f86d081884c7d65…")
def verify_command(
    log: _Log = None,
    expect: Annotated[
        str | None,
        typer.Option(help="A record's NUMBER:HASH as noted elsewhere; it has to be there."),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Check that the log is what was written, and name the first record that is not.

    Exit code 0: intact, 3: not what was written, 1: could not be checked.
    """
    folder = _folder(log)
    link = _link(expect) if expect else None
    with _progress("verifying", folder) as read:
        verdict = verify(folder, expect=link, read=read)
    if as_json:
        typer.echo(json.dumps({"intact": verdict.intact, **asdict(verdict)}))
    elif verdict.problem is not None:
        typer.echo(printable(f"NOT INTACT: {verdict.problem}"))
        typer.echo(f"{verdict.records} records before it are sound")
    else:
        typer.echo(f"intact: {verdict.records} records in {verdict.segments} segments")
        typer.echo(f"to note elsewhere: {verdict.records}:{verdict.head}")
        if verdict.unanchored or verdict.torn_bytes:
            typer.echo(
                f"not anchored: {verdict.unanchored} records and {verdict.torn_bytes} torn bytes; "
                "a writer is at work or was killed, and the next one mends it"
            )
    if not verdict.intact:
        raise typer.Exit(TAMPERED)


@app.command("export", epilog="Example: codex-hooks audit export --format csv -o audit.csv")
def export_command(
    wanted: Annotated[Format, typer.Option("--format", help="JSON lines or CSV.")] = "jsonl",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A file to write; else stdout.")
    ] = None,
    run: Annotated[str | None, typer.Option(help="The records of this run alone.")] = None,
    log: _Log = None,
) -> None:
    """Write the records out. Exit code 0; 1 where it cannot be done. `verify` first."""
    folder = _folder(log)
    segments(folder)  # before a file that is there is emptied for nothing
    target: Any = nullcontext(sys.stdout)
    if output is not None:
        target = _created(output)
    try:
        with _progress("exporting", folder) as read, target as out:
            found = records(folder, containing=json.dumps(run) if run else None, read=read)
            wanted_ones = (item for item in found if run is None or item[1].get("run") == run)
            count = export(wanted_ones, out, wanted)
    except BaseException:  # Ctrl-C as well: what is there looks whole
        if output is not None:
            typer.echo(f"{output} is not complete", err=True)
        raise
    if output is not None:
        typer.echo(f"{count} records written to {output}", err=True)


def _created(output: Path) -> TextIO:
    """Open a new file, or an emptied one, for its owner alone if it is new."""
    fd = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    return os.fdopen(fd, "w", encoding="utf-8", newline="")


def _folder(log: Path | None) -> Path:
    if log is not None:
        return log
    from codex_hooks import Settings  # noqa: PLC0415  # not needed where --log is given

    from codex_hooks_audit._options import default_path  # noqa: PLC0415

    path = Settings.load().of("audit").options.get("path")
    return Path(path).expanduser() if isinstance(path, str) else default_path()


def _link(expect: str) -> Link:
    number, _, digest = expect.partition(":")
    if not (number.isdecimal() and len(digest) == 64):
        raise AuditError("--expect takes NUMBER:HASH, as `verify` prints it")
    return Link(int(number), digest.lower())


def _print_record(record: dict[str, Any], *, as_json: bool) -> None:
    typer.echo(json.dumps(record) if as_json else line_of(record))


@contextmanager
def _progress(what: str, folder: Path) -> Iterator[Callable[[int], None]]:
    """Show how far we are, on a terminal alone, and leave nothing behind."""
    from rich.console import Console  # noqa: PLC0415  # for those who wait
    from rich.progress import BarColumn, DownloadColumn, Progress  # noqa: PLC0415

    console = Console(stderr=True)
    columns = ("{task.description}", BarColumn(), DownloadColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=size_of(folder))
        done = 0

        def read(size: int) -> None:
            nonlocal done
            done += size
            if done >= 1_000_000:  # drawing costs more than a record
                bar.advance(task, done)
                done = 0

        yield read
