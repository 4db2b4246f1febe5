from __future__ import annotations

import copy
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from codex_hooks_runtime._errors import GateNotArmed, InvalidRequest
from codex_hooks_runtime._gate._arming import (
    check_features,
    check_listed,
    check_requirements,
    confirm_armed,
    hook_config,
    trusted_hash,
    went_unheard,
)
from codex_hooks_runtime._gate._relay_client import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIG = hook_config("exit 0")
PRE, POST = CONFIG["hooks"]["state"]

FEATURES: dict[str, Any] = {
    "data": [{"name": "hooks", "enabled": True}, {"name": "unified_exec_tty", "enabled": False}]
}


def listed(key: str, event: str, /, **changes: Any) -> dict[str, Any]:
    return {
        "key": key,
        "eventName": event,
        "handlerType": "command",
        "command": "exit 0",
        "enabled": True,
        "currentHash": CONFIG["hooks"]["state"].get(key, {}).get("trusted_hash"),
        "trustStatus": "trusted",
        **changes,
    }


def listing(*hooks: dict[str, Any]) -> dict[str, Any]:
    return {"data": [{"cwd": "/repo", "hooks": list(hooks), "warnings": [], "errors": []}]}


def test_both_hooks_are_armed_with_the_hash_that_codex_computes() -> None:
    """G1: the hashes are those that codex 0.163 and 0.169 gave for this command."""
    assert CONFIG["features.hooks"] is True
    for event in ("PreToolUse", "PostToolUse"):
        (group,) = CONFIG["hooks"][event]
        assert group == {"hooks": [{"type": "command", "command": "exit 0", "timeout": 86_400}]}
    assert PRE == "/<session-flags>/config.toml:pre_tool_use:0:0"
    assert POST == "/<session-flags>/config.toml:post_tool_use:0:0"
    assert trusted_hash("pre_tool_use", "exit 0") == (
        "sha256:518efe84e39521a60b63add734886c76a04c53a5b2d315ebd89b9634eefc527d"
    )
    assert trusted_hash("post_tool_use", "exit 0") == (
        "sha256:23a04aba882a6b24a3cc44e14db76b7c65bdaf3cd11c2f3690a0d2f5a128cd6f"
    )
    assert "bypass_hook_trust" not in str(CONFIG)


def test_the_client_gives_up_before_codex_does() -> None:
    """F22: Codex goes on after its own time-out."""
    (group,) = CONFIG["hooks"]["PreToolUse"]
    assert group["hooks"][0]["timeout"] - PATIENCE_S >= 60


def test_side_doors_are_shut_unless_asked_for() -> None:
    """G8."""
    assert CONFIG["features.unified_exec_tty"] is False
    assert CONFIG["web_search"] == "disabled"
    opened = hook_config("exit 0", interactive=True, web_search=True)
    assert not opened.keys() & {"features.unified_exec_tty", "web_search"}


def test_a_thread_whose_listing_shows_both_hooks_in_force_is_armed() -> None:
    """G6."""
    check_listed(listing(listed(PRE, "preToolUse"), listed(POST, "postToolUse")), CONFIG)


@pytest.mark.parametrize(
    "changes",
    [
        {"enabled": False},
        {"trustStatus": "untrusted"},
        {"trustStatus": "modified"},
        {"currentHash": "sha256:0"},
        {"command": "exit 1"},
        {"key": "/repo/.codex/hooks.json:pre_tool_use:0:0"},
    ],
)
def test_a_thread_with_a_hook_that_is_not_in_force_is_refused(changes: dict[str, Any]) -> None:
    """G6."""
    mine = listed(PRE, "preToolUse", **changes)
    with pytest.raises(GateNotArmed, match="PreToolUse"):
        check_listed(listing(mine, listed(POST, "postToolUse")), CONFIG)
    mine = listed(POST, "postToolUse", **changes)
    with pytest.raises(GateNotArmed, match="PostToolUse"):
        check_listed(listing(listed(PRE, "preToolUse"), mine), CONFIG)


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"data": None}, {"data": [None]}, {"data": [{"hooks": "none"}]}]
)
def test_an_answer_that_cannot_be_understood_is_a_refusal(answer: Any) -> None:
    """G6."""
    for check in (check_listed, check_features):
        with pytest.raises(GateNotArmed):
            check(answer, CONFIG)
    with pytest.raises(GateNotArmed):
        check_requirements(answer)


@pytest.mark.parametrize("name", ["hooks", "unified_exec_tty"])
def test_a_feature_that_is_pinned_or_unknown_is_a_refusal(name: str) -> None:
    """G6, G8."""
    check_features(FEATURES, CONFIG)
    pinned = copy.deepcopy(FEATURES)
    for feature in pinned["data"]:
        if feature["name"] == name:
            feature["enabled"] = not feature["enabled"]
    with pytest.raises(GateNotArmed, match=name):
        check_features(pinned, CONFIG)
    unknown = {"data": [feature for feature in FEATURES["data"] if feature["name"] != name]}
    with pytest.raises(GateNotArmed, match=name):
        check_features(unknown, CONFIG)


def test_a_machine_that_allows_managed_hooks_only_is_a_refusal() -> None:
    """G6."""
    check_requirements({"requirements": None})
    check_requirements({"requirements": {"allowManagedHooksOnly": None}})
    with pytest.raises(GateNotArmed, match="managed hooks only"):
        check_requirements({"requirements": {"allowManagedHooksOnly": True}})


def server(answers: dict[str, Callable[[Any], Any]]) -> Any:
    async def request(method: str, params: dict[str, Any] | None) -> Any:
        return answers[method](params)

    return request


async def test_a_server_that_lists_threads_is_believed_about_this_thread_alone() -> None:
    """G6: whatever other hooks there are."""
    theirs = "/home/u/.codex/config.toml:pre_tool_use:0:0"

    def hooks_list(params: dict[str, Any]) -> Any:
        if params.keys() == {"threadId", "cwds"}:
            raise InvalidRequest("specify either", method="hooks/list", code=-32600)
        assert params == {"threadId": "thr_1"}
        return listing(
            listed(theirs, "preToolUse"),
            listed(
                "/repo/.codex/hooks.json:pre_tool_use:0:0", "preToolUse", trustStatus="untrusted"
            ),
            listed("/home/u/.codex/config.toml:stop:0:0", "stop"),
            listed(PRE, "preToolUse"),
            listed(POST, "postToolUse"),
        )

    request = server({"experimentalFeature/list": lambda _: FEATURES, "hooks/list": hooks_list})
    await confirm_armed(request, thread_id="thr_1", cwd="/repo", config=CONFIG)


async def test_a_server_that_lists_threads_and_not_our_hooks_is_refused() -> None:
    """G6."""

    def hooks_list(params: dict[str, Any]) -> Any:
        if "cwds" in params:
            raise InvalidRequest("specify either", method="hooks/list", code=-32600)
        return listing()

    request = server({"experimentalFeature/list": lambda _: FEATURES, "hooks/list": hooks_list})
    with pytest.raises(GateNotArmed, match="no PreToolUse hook"):
        await confirm_armed(request, thread_id="thr_1", cwd="/repo", config=CONFIG)


async def test_an_older_server_is_asked_about_the_machines_requirements_instead() -> None:
    """G6."""
    answers: dict[str, Callable[[Any], Any]] = {
        "experimentalFeature/list": lambda _: FEATURES,
        "hooks/list": lambda _: listing(),
        "configRequirements/read": lambda _: {"requirements": None},
    }
    await confirm_armed(server(answers), thread_id="thr_1", cwd="/repo", config=CONFIG)
    answers["configRequirements/read"] = lambda _: {"requirements": {"allowManagedHooksOnly": True}}
    with pytest.raises(GateNotArmed, match="managed hooks only"):
        await confirm_armed(server(answers), thread_id="thr_1", cwd="/repo", config=CONFIG)


def hook_run(**changes: Any) -> dict[str, Any]:
    run = {"sourcePath": "/<session-flags>/config.toml", "status": "completed", "entries": []}
    return {"threadId": "thr_1", "turnId": "turn_1", "run": {**run, **changes}}


def test_a_hook_of_ours_that_decided_nothing_is_told_from_one_that_did() -> None:
    """F22."""
    assert went_unheard(hook_run()) is None
    assert went_unheard(hook_run(status="blocked")) is None
    assert went_unheard(hook_run(status="failed", sourcePath="/home/u/config.toml")) is None
    assert went_unheard({}) is None
    entries = [{"kind": "error", "text": "No such file or directory"}]
    assert went_unheard(hook_run(status="failed", entries=entries)) == "No such file or directory"
    assert went_unheard(hook_run(status="stopped")) == "its hook has the status 'stopped'"


def test_arming_loads_nothing_heavy() -> None:
    code = "import sys, codex_hooks_runtime._gate._arming; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert not {b"structlog", b"starlette", b"uvicorn", b"typer", b"rich"} & set(loaded.split())
