"""An async client of the real codex app-server, under the hooks of codex_hooks."""
