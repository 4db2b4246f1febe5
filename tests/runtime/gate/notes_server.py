"""An MCP server with a tool that says it only reads, and one that does not; run as a script."""

from __future__ import annotations

from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations

server = MCPServer("notes")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def look(name: str) -> str:
    return f"looked at {name}"


@server.tool()
def note(path: str) -> str:
    Path(path).write_text("noted")
    return f"noted {path}"


if __name__ == "__main__":
    server.run()
