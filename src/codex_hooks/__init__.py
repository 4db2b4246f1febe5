"""Policy for coding agents: hooks around runs, sessions, turns and tool uses."""
