"""Programs that run the rest of their arguments, and where in them the command begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Wrapper:
    """``values`` are options that take a word more, ``skip`` the words before the command."""

    values: str = ""
    skip: int = 0


WRAPPERS: Final = {
    "sudo": Wrapper("-u -g -h -p -C -D -R -T -U -r -t --user --group --host --prompt --chdir"),
    "doas": Wrapper("-u -C"),
    "pkexec": Wrapper("--user"),
    "runuser": Wrapper("-u -g -G"),
    "nice": Wrapper("-n --adjustment"),
    "ionice": Wrapper("-c -n -p -P -u"),
    "chrt": Wrapper("", skip=1),
    "taskset": Wrapper("", skip=1),
    "nohup": Wrapper(),
    "setsid": Wrapper(),
    "time": Wrapper("-f -o --format --output"),
    "timeout": Wrapper("-s -k --signal --kill-after", skip=1),
    "gtimeout": Wrapper("-s -k --signal --kill-after", skip=1),
    "stdbuf": Wrapper("-i -o -e"),
    "unbuffer": Wrapper(),
    "chroot": Wrapper("", skip=1),
    "unshare": Wrapper("-R -w -S -G"),
    "nsenter": Wrapper("-t -S -G -r -w"),
    "command": Wrapper(),
    "builtin": Wrapper(),
    "exec": Wrapper("-a"),
    "coproc": Wrapper(),
    "noglob": Wrapper(),
    "strace": Wrapper("-e -o -p -s -u -E -P"),
    "ltrace": Wrapper("-e -o -p -s -u"),
    "caffeinate": Wrapper("-t -w"),
    "busybox": Wrapper(),
    "toybox": Wrapper(),
    "flock": Wrapper("-w -E --timeout", skip=1),
    "setarch": Wrapper("", skip=1),
    "systemd-run": Wrapper("-p -u -M --unit --property"),
    "rlwrap": Wrapper("-f -H"),
    "torsocks": Wrapper(),
    "proxychains": Wrapper("-f"),
    "fakeroot": Wrapper(),
    "firejail": Wrapper(),
    "bwrap": Wrapper("--bind --ro-bind --dev-bind --setenv --chdir --tmpfs --proc --dev"),
    "entr": Wrapper(),
    "dotenv": Wrapper("-f -e"),
    "npx": Wrapper("-p --package"),
    "uvx": Wrapper("--from --with"),
    "bunx": Wrapper(),
    "ld.so": Wrapper("--library-path"),
    "ld-linux-x86-64.so.2": Wrapper("--library-path"),
}
"""Programs that run the command which begins after their options."""

RUNS_AFTER: Final = {
    "uv": "run",
    "poetry": "run",
    "pipenv": "run",
    "pdm": "run",
    "hatch": "run",
    "conda": "run",
    "mamba": "run",
    "rye": "run",
    "bundle": "exec",
    "npm": "exec",
    "pnpm": "exec",
    "yarn": "exec",
    "mise": "exec",
    "asdf": "exec",
    "rustup": "run",
}
"""Programs that run the command which follows this subcommand of theirs."""
