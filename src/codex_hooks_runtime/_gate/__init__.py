"""The tool gate: every tool use is decided by ``pre_tool_use`` before it happens."""
