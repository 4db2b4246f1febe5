"""An MCP server for `codex-hooks doctor`: a tool that only reads, and one that writes a file.

Codex starts it as a script.
"""

from __future__ import annotations

from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations

server = MCPServer("probe")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def look(name: str) -> str:
    """Say that something was looked at."""
    return f"looked at {name}"


@server.tool()
def write(path: str) -> str:
    """Write a file, outside Codex's sandbox."""
    Path(path).write_text("written", encoding="utf-8")
    return f"wrote {path}"


if __name__ == "__main__":
    server.run()
