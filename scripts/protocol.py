"""Write the inventory of the app-server's methods, from the schema of a codex binary.

    python scripts/protocol.py            # the installed codex, into the package
    python scripts/protocol.py --check    # exit 1 if the package's inventory is another

What it writes is meant to be read and diffed: one method a line, and nothing that changes from
one run to the next.
"""

# ruff: noqa: INP001, S603  # a script, and what it starts is the codex it was given

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from codex_hooks_runtime._binary import find_codex

TARGET = Path(__file__).parents[1] / "src/codex_hooks_runtime/_protocol.py"

_KINDS = {
    "CLIENT_REQUESTS": ("ClientRequest", "What a client may ask of the server."),
    "SERVER_REQUESTS": ("ServerRequest", "What the server asks of its client."),
    "NOTIFICATIONS": ("ServerNotification", "What the server tells."),
}


def methods(schema: Path, kind: str) -> set[str]:
    """Return the methods of one kind of message, as the schema in that folder names them."""
    alternatives = json.loads((schema / f"{kind}.json").read_text())["oneOf"]
    return {name for item in alternatives for name in item["properties"]["method"]["enum"]}


def version(codex: Path) -> str:
    """Return the version that a binary tells of itself."""
    said = subprocess.run([codex, "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"\d+\.\d+\.\d+", said)
    if found is None:
        raise SystemExit(f"{codex} does not tell its version: {said!r}")
    return found[0]


def inventory(codex: Path) -> dict[str, set[str]]:
    """Return the methods of a binary by the name of the constant that holds them."""
    with tempfile.TemporaryDirectory() as scratch:
        stable, everything = Path(scratch, "stable"), Path(scratch, "everything")
        for folder, flags in ((stable, []), (everything, ["--experimental"])):
            generate = [codex, "app-server", "generate-json-schema", "--out", folder, *flags]
            subprocess.run(generate, check=True, capture_output=True)
        found = {name: methods(everything, kind) for name, (kind, _) in _KINDS.items()}
        known = {method for kind, _ in _KINDS.values() for method in methods(stable, kind)}
    return found | {"EXPERIMENTAL": set().union(*found.values()) - known}


def module(codex: Path) -> str:
    """Return the text of the package's module for one binary."""
    parts = [
        '"""The methods of the codex app-server, as its own schema names them.',
        "",
        "Written by scripts/protocol.py (`make protocol`); not to be edited.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from typing import Final",
        "",
        f'VERSION: Final = "{version(codex)}"',
        '"""The codex that the inventory was taken from."""',
    ]
    meanings = {name: meaning for name, (_, meaning) in _KINDS.items()}
    meanings["EXPERIMENTAL"] = "Those of all these that may change any day."
    for name, members in inventory(codex).items():
        parts += _constant(name, members, meanings[name])
    return "\n".join(parts) + "\n"


def _constant(name: str, members: set[str], meaning: str) -> list[str]:
    lines = [f'        "{member}",' for member in sorted(members)]
    return ["", f"{name}: Final = frozenset(", "    {", *lines, "    }", ")", f'"""{meaning}"""']


def main() -> None:
    """Write or check the inventory."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--codex", type=Path, help="another binary than the installed one")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 on a difference"
    )
    options = parser.parse_args()
    text = module(find_codex(options.codex))
    if not options.check:
        TARGET.write_text(text, encoding="utf-8")
    elif text != TARGET.read_text(encoding="utf-8"):
        sys.exit(f"{TARGET.name} is not that of this codex: run `make protocol`, read the diff")


if __name__ == "__main__":
    main()
