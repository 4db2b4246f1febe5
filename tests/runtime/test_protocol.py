"""The inventory of methods, held against the schema of the installed codex."""

from __future__ import annotations

import ast
import importlib.util
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

import codex_hooks_runtime
from codex_hooks_runtime import Client, ClientConfig, ConfigError, MethodNotFound, RpcError
from codex_hooks_runtime._binary import find_codex
from codex_hooks_runtime._methods import HOOKED
from codex_hooks_runtime._protocol import (
    CLIENT_REQUESTS,
    EXPERIMENTAL,
    NOTIFICATIONS,
    SERVER_REQUESTS,
)
from codex_hooks_runtime.testing import CodexHome, ScriptedModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.codex

PACKAGE = Path(codex_hooks_runtime.__file__).parent
METHOD = re.compile(r"[a-z][A-Za-z]*(/[A-Za-z_]+)+")


def script() -> Any:
    spec = importlib.util.spec_from_file_location(
        "protocol", Path(__file__).parents[2] / "scripts/protocol.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def methods_in_our_code() -> Iterator[tuple[str, str]]:
    for path in PACKAGE.glob("**/*.py"):
        if path.name == "_protocol.py" or {"testing", "cli"} & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            value = node.value if isinstance(node, ast.Constant) else None
            if isinstance(value, str) and METHOD.fullmatch(value):
                yield value, path.name


def test_every_method_that_our_code_names_is_one_of_the_installed_codex() -> None:
    """What we use, and whether it may change any day, is as the inventory says."""
    installed = script().inventory(find_codex())
    used = dict(methods_in_our_code())

    assert {"thread/start", "turn/completed", "item/tool/call"} <= set(used)
    known = set().union(*installed.values())
    assert {name: where for name, where in used.items() if name not in known} == {}
    assert set(used) & installed["EXPERIMENTAL"] == set(used) & EXPERIMENTAL


def test_the_inventory_is_that_of_the_installed_codex() -> None:
    """A difference means: `make protocol`, and read what changed."""
    assert script().inventory(find_codex()) == {
        "CLIENT_REQUESTS": CLIENT_REQUESTS,
        "SERVER_REQUESTS": SERVER_REQUESTS,
        "NOTIFICATIONS": NOTIFICATIONS,
        "EXPERIMENTAL": EXPERIMENTAL,
    }


@asynccontextmanager
async def connected(**options: Any) -> AsyncIterator[Client]:
    with ScriptedModel([]) as model, CodexHome(model.base_url) as home:
        config = ClientConfig(load_installed=False, env=home.env, **options)
        async with Client.connect(config) as client:
            yield client


class Features(BaseModel):
    data: list[dict[str, Any]]


class Nonsense(BaseModel):
    no_such_field: int


async def test_any_method_can_be_called_and_its_result_read_as_a_model() -> None:
    async with connected() as client:
        raw = await client.runtime.call("experimentalFeature/list", {"limit": 2})
        assert len(raw["data"]) == 2
        typed = await client.runtime.call("experimentalFeature/list", {"limit": 2}, result=Features)
        assert typed.data == raw["data"]


async def test_a_result_that_is_not_what_was_expected_says_which_field() -> None:
    async with connected() as client:
        with pytest.raises(RpcError, match=r"is no Nonsense \(see no_such_field\)"):
            await client.runtime.call("experimentalFeature/list", {}, result=Nonsense)


async def test_a_method_that_codex_does_not_have_is_refused_with_the_one_that_was_meant() -> None:
    async with connected() as client:
        with pytest.raises(ConfigError, match="did you mean 'thread/archive'"):
            await client.runtime.call("thread/archiv", {})
        # Control: without validation it is sent, and the server's word counts.
        with pytest.raises(MethodNotFound):
            await client.runtime.call("thread/archiv", {}, validate=False)


@pytest.mark.parametrize("method", HOOKED)
async def test_nothing_passes_by_the_plugins_by_hand(method: str) -> None:
    """G6, R1: only without a gate may a raw call open a thread, or send a prompt."""
    async with connected() as client:
        for validate in (True, False):
            with pytest.raises(ConfigError, match="no plugin sees: use"):
                await client.runtime.call(method, {}, validate=validate)


async def test_without_a_gate_a_raw_call_may_open_a_thread(tmp_path: Path) -> None:
    async with connected(tool_gate="off") as client:
        reply = await client.runtime.call("thread/start", {"cwd": str(tmp_path)})
        assert reply["thread"]["cwd"] == str(tmp_path)
