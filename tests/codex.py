"""Where the codex binary of the extra ``codex-hooks[codex]`` is."""

from codex_cli_bin import bundled_codex_path  # type: ignore[import-untyped]


def codex_binary() -> str:
    return str(bundled_codex_path())
