"""A command of the policy's own, under ``codex-hooks``."""

import typer

app = typer.Typer(help="What the organisation says.")


@app.command()
def motto(name: str) -> None:
    """Say it."""
    print(f"no keys, {name}")
